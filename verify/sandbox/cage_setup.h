#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "schemas/base/file.h"
#include "verify/sandbox/cage/cage.h"

namespace gradus {

// User that the programs of a slot run as, where this process is root; 0 else.
std::uint32_t UserOfSlot(int slot);

// What a warm interpreter or a launcher reads as kSetupFd: the setup, completed by the control
// group's files and with the filters behind it. Throws Error.
Fd MakeSetup(cage::Setup setup, const std::vector<std::string>& group_files,
             const std::array<std::string, cage::kFilters>& filters);

}  // namespace gradus
