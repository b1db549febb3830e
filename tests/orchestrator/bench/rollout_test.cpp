#include "orchestrator/bench/rollout.h"

#include <doctest/doctest.h>

#include "schemas/base/error.h"

using namespace gradus;

TEST_CASE(
    "The rollout benchmark counts what its workloads ask for, and kept keys are computed once") {
  RolloutBenchOptions options;
  options.batches = {2, 3};
  options.prompt = 5;
  options.new_tokens = 4;
  options.expansions = 2;
  options.siblings = 3;
  options.prefix = 16;
  options.step = 4;
  options.depth = 3;
  const nlohmann::ordered_json figures = BenchRollout(options);
  CHECK(figures["flat"][1]["tokens_generated"] == 3 * 4);
  CHECK(figures["flat"][1]["tokens_prefilled"] == 3 * 5);
  CHECK(figures["tree"]["tokens_generated"] == 2 * 3 * 4);
  CHECK(figures["tree"]["tokens_prefilled"] == 2 * 16);
  // Two searches: their prefix once, then each level the step that it went down, and all siblings.
  CHECK(figures["search"]["tokens_computed"] == 2 * (16 + 2 * 4 + 3 * 3 * 4));
  CHECK(figures["search"]["tokens_in_paths"] == 2 * 3 * ((16 + 4) + (20 + 4) + (24 + 4)));
  options.prefix = 100000;
  CHECK_THROWS_WITH_AS(BenchRollout(options), doctest::Contains("positions"), Error);
}
