#pragma once
#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "orchestrator/measure/rate.h"
#include "schemas/problem.h"
#include "schemas/tree.h"

namespace gradus {

// What a round's search of the training problems achieved and cost. Content only: the same trees
// give the same values whatever made them, in whatever order they come.
struct RoundMetrics {
  RateByLevel coverage;  // Problems with a correct trajectory, of those searched.
  std::uint64_t easy = 0, medium = 0, hard = 0, unknown = 0;
  std::uint64_t correct = 0, wrong = 0, unverifiable = 0;  // Answer trajectories.
  std::uint64_t tokens = 0, tokens_scored = 0, programs = 0, nodes = 0, trees = 0;
  std::map<std::string, std::uint64_t>
      failures;  // Reason of failed steps and unverifiable answers → count.
};

// `problems` is the file the trees' keys index. REQUIRES: every key is inside it.
RoundMetrics MeasureTrees(const std::vector<Tree>& trees, const std::vector<Problem>& problems);

// {"coverage":{…},"difficulty":{…},"trajectories":{…},"cost":{…},"failures":{…}}.
nlohmann::ordered_json ToJson(const RoundMetrics& metrics);

}  // namespace gradus
