#pragma once
#include <array>
#include <string>
#include <vector>

#include "schemas/base/file.h"
#include "verify/sandbox/cage/cage.h"

namespace gradus {

// What a warm interpreter or a launcher reads as kSetupFd: the setup, completed by the control
// group's files and with the filters behind it. Throws Error.
Fd MakeSetup(cage::Setup setup, const std::vector<std::string>& group_files,
             const std::array<std::string, cage::kFilters>& filters);

}  // namespace gradus
