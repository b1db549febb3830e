#include "orchestrator/rounds/rollout.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "orchestrator/rounds/part.h"
#include "orchestrator/selection/difficulty.h"

namespace gradus {
namespace {

PartId HardPart(RoundIndex round, int attempt) { return {round, fmt::format("hard{}", attempt)}; }

// Problems of the plan that have no correct answer in any tree so far.
std::vector<std::uint32_t> Unsolved(const Campaign& c, const RoundPlan& plan) {
  std::set<std::uint32_t> solved;
  VisitProblems(RolloutShards(c, plan.round), [&](const std::vector<Tree>& trees) {
    if (!NeedsExtraSearch(DifficultyOf(trees))) solved.insert(trees.front().key.problem);
  });
  std::vector<std::uint32_t> unsolved;
  std::copy_if(plan.problems.begin(), plan.problems.end(), std::back_inserter(unsolved),
               [&](std::uint32_t problem) { return !solved.contains(problem); });
  return unsolved;
}

std::vector<Key> KeysOf(const RoundPlan& plan, Phase phase,
                        const std::vector<std::uint32_t>& problems, int attempt) {
  std::vector<Key> keys;
  for (std::uint32_t problem : problems) {
    keys.push_back({static_cast<std::uint32_t>(plan.round), phase, problem,
                    static_cast<std::uint32_t>(attempt)});
  }
  return keys;
}

}  // namespace

std::vector<PartId> RolloutParts(const Config& config, RoundIndex round) {
  std::vector<PartId> parts{{round, "rollout"}};
  for (int attempt = 1; attempt <= config.rollout.search.hard_attempts.At(round); ++attempt) {
    parts.push_back(HardPart(round, attempt));
  }
  return parts;
}

std::vector<ShardPaths> RolloutShards(const Campaign& c, RoundIndex round) {
  std::vector<ShardPaths> shards;
  for (const PartId& part : RolloutParts(c.config, round)) {
    shards.push_back(c.recorder.Shards(part));
  }
  return shards;
}

void Rollout(Campaign& c, const RoundPlan& plan) {
  const std::vector<Key> keys = KeysOf(plan, Phase::kRollout, plan.problems, 0);
  RunPart(c, {plan.round, "rollout"}, {plan.policy.string(), plan.ppm.string()}, c.problems, keys);
}

void RolloutHard(Campaign& c, const RoundPlan& plan) {
  const SearchOptions& search = c.config.rollout.search;
  if (search.hard_rollouts.At(plan.round) == 0) return;
  for (int attempt = 1; attempt <= search.hard_attempts.At(plan.round); ++attempt) {
    const PartId part = HardPart(plan.round, attempt);
    if (c.recorder.IsDone(part)) continue;
    const std::vector<Key> keys = KeysOf(plan, Phase::kRolloutHard, Unsolved(c, plan), attempt);
    RunPart(c, part, {plan.policy.string(), plan.ppm.string()}, c.problems, keys);
  }
}

}  // namespace gradus
