#pragma once
#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "orchestrator/measure/rate.h"
#include "orchestrator/selection/trajectory.h"
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

// Adds up trees that pass by, in whatever order. `problems` is the file their keys index and must
// outlive it. In memory are the verdicts of every problem, counted.
class RoundMeter {
 public:
  explicit RoundMeter(const std::vector<Problem>& problems) : problems_(problems) {}
  // REQUIRES: the key is inside the problem file.
  void Add(const Tree& tree);
  RoundMetrics Metrics() const;

 private:
  const std::vector<Problem>& problems_;
  RoundMetrics sums_;  // Without what is counted by problem.
  std::map<std::uint32_t, VerdictCounts> by_problem_;
};

// {"coverage":{…},"difficulty":{…},"trajectories":{…},"cost":{…},"failures":{…}}.
nlohmann::ordered_json ToJson(const RoundMetrics& metrics);

}  // namespace gradus
