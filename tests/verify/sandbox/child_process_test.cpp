#include "verify/sandbox/child_process.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

using namespace gradus;

namespace {

// The value that a child gets, "" when it gets none.
std::string LibraryPathFor(const char* ours) {
  ::setenv("LD_LIBRARY_PATH", ours, 1);
  const std::vector<std::string> environment = CleanEnvironment();
  ::unsetenv("LD_LIBRARY_PATH");
  const std::string name = "LD_LIBRARY_PATH=";
  const auto found = std::find_if(environment.begin(), environment.end(),
                                  [&](const std::string& v) { return v.starts_with(name); });
  return found == environment.end() ? "" : found->substr(name.size());
}

}  // namespace

TEST_CASE("A child looks for libraries in absolute folders only, wherever gradus was started") {
  CHECK(LibraryPathFor("/opt/lib:/usr/lib") == "/opt/lib:/usr/lib");
  CHECK(LibraryPathFor(".:/opt/lib::rel/lib:") == "/opt/lib");
  CHECK(LibraryPathFor(".") == "");
  CHECK(LibraryPathFor("") == "");
}

TEST_CASE("A child's environment holds nothing of ours but where libraries are") {
  ::setenv("GRADUS_SECRET", "value", 1);
  for (const std::string& variable : CleanEnvironment()) {
    CHECK(variable.find("GRADUS_SECRET") == std::string::npos);
  }
  ::unsetenv("GRADUS_SECRET");
}
