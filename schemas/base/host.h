#pragma once
#include <unistd.h>

#include <array>
#include <string>

namespace gradus {

// The name of this machine, "unknown" when the system does not tell. Only for people, and to tell
// machines apart.
inline std::string HostName() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown";
}

}  // namespace gradus
