#pragma once
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace gradus {

// A file of the data sets that this repository does not hold: $GRADUS_SHARED/data, or
// ../shared/data beside the checkout.
inline std::filesystem::path SharedFile(const std::string& name) {
  const char* folder = std::getenv("GRADUS_SHARED");
  const std::filesystem::path shared = folder != nullptr
                                           ? std::filesystem::path(folder)
                                           : std::filesystem::path(GRADUS_SOURCE_DIR) / "../shared";
  return shared / "data" / name;
}

// Its lines; none, and the test was skipped, where it is absent. A file without lines is a failure.
inline std::vector<std::string> SharedLinesOrSkip(const std::string& name) {
  std::ifstream file(SharedFile(name));
  std::vector<std::string> lines;
  if (!file) {
    MESSAGE("skipped: no shared/data/", name, " (set GRADUS_SHARED)");
    return lines;
  }
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  REQUIRE_FALSE(lines.empty());
  return lines;
}

}  // namespace gradus
