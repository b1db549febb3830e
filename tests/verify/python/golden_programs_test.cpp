#include "verify/python/golden_programs.h"

#include <doctest/doctest.h>

#include "tests/verify/python/executor_bench.h"

using namespace gradus;

TEST_CASE("The golden programs pass at every level that works here") {
  int tried = 0;
  for (const char* level : {"L3", "L2", "L1", "L0"}) {
    if (!Works(level)) continue;
    ++tried;
    CAPTURE(std::string(level));
    Bench bench(1, {}, level);
    CHECK_NOTHROW(CheckGoldenPrograms(bench.io, *bench.executor));
  }
  CHECK(tried > 0);
}
