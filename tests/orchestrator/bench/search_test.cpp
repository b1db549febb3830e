#include "orchestrator/bench/search.h"

#include <doctest/doctest.h>

using namespace gradus;

TEST_CASE("The search benchmark grows the trees that it says, with and without Python") {
  SearchBenchOptions options;
  options.problems = 2;
  options.rollouts = 1;
  options.candidates = 3;
  options.depth = 2;
  options.execution.preload = {};
  const nlohmann::ordered_json figures = BenchSearch(options);
  for (const char* way : {"python", "instant"}) {
    // Root, two levels of three siblings, and one print and one answer step: equal candidates are
    // one.
    CHECK(figures[way]["nodes"] == 2 * (1 + 3 + 3 + 1 + 1));
    CHECK(figures[way]["expansions"] == 2 * 4);
    CHECK(figures[way]["rollouts"] == 2);
  }
  CHECK(figures["instant"]["programs"] >= 2 * (3 + 3 + 1));
}
