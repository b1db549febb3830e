#pragma once
#include <string_view>

#include "schemas/base/file.h"

namespace gradus {

// A descriptor that holds these bytes, positioned behind them, to hand to a process. Empty, with
// errno, when the system has none left.
Fd MemoryFile(const char* name, std::string_view bytes);

}  // namespace gradus
