#pragma once
#include <string>

namespace gradus {

// Runs `python3 -c text` as an ordinary process of this user, without any limit or isolation, and
// returns what it printed: only for our own programs, which are measured beside the executor.
// Throws Error when it fails.
std::string RunPlainPython(const std::string& text);

// The interpreter that the executor uses. Throws Error when there is none.
std::string FindPython();

}  // namespace gradus
