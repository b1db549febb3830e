#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "orchestrator/rounds/orders.h"
#include "orchestrator/rounds/part.h"
#include "orchestrator/rounds/phases.h"
#include "orchestrator/selection/difficulty.h"
#include "schemas/base/file.h"
#include "schemas/base/log.h"

namespace gradus {
namespace {

using nlohmann::ordered_json;

// The numeric curriculum: `per_level` problems of each level of the round's range, none used in an
// earlier round as long as the file has enough; then the walk starts over.
std::vector<std::uint32_t> DrawProblems(const Config& config, const std::vector<Problem>& problems,
                                        RoundIndex round) {
  std::vector<std::uint32_t> all(problems.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::uint32_t>(i);
  const ProblemOptions& o = config.problems;
  if (o.max_level.At(round) == 0) return all;
  std::map<int, std::vector<std::uint32_t>> by_level;
  for (std::uint32_t i : all) by_level[std::atoi(problems[i].level.c_str())].push_back(i);
  std::vector<std::uint32_t> drawn;
  for (auto& [level, indices] : by_level) {
    if (level < o.min_level.At(round) || level > o.max_level.At(round)) continue;
    const auto wanted = static_cast<std::size_t>(o.per_level.At(round));
    if (wanted == 0 || wanted >= indices.size()) {
      drawn.insert(drawn.end(), indices.begin(), indices.end());
      continue;
    }
    Random(MixSeed(config.run.seed, "draw", static_cast<std::uint64_t>(level))).Shuffle(indices);
    std::size_t first = 0;
    for (RoundIndex earlier = 1; earlier < round; ++earlier) {
      const bool used = level >= o.min_level.At(earlier) && level <= o.max_level.At(earlier);
      if (used) first += static_cast<std::size_t>(o.per_level.At(earlier));
    }
    for (std::size_t i = 0; i < wanted; ++i) drawn.push_back(indices[(first + i) % indices.size()]);
  }
  std::sort(drawn.begin(), drawn.end());
  return drawn;
}

std::string ExistingOrNone(const std::filesystem::path& folder) {
  return std::filesystem::exists(folder) ? folder.string() : "";
}

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

RoundPlan PlanRound(Campaign& c, RoundIndex round) {
  RoundPlan plan;
  plan.round = round;
  plan.problems = DrawProblems(c.config, c.problems, round);
  if (plan.problems.empty()) {
    Fail("{}: no problem has a level in the range of round {} (problems.min_level, max_level)",
         c.config.problems.train, round);
  }
  plan.policy = c.files.Policy(round - 1);
  plan.ppm = ExistingOrNone(c.files.Ppm(round - 1));
  plan.base = c.config.policy.train_from == TrainFrom::kBase ? c.files.Policy(0) : plan.policy;
  MakeFolder(c.files.Round(round));
  ordered_json j = {
      {"round", round},
      {"policy", plan.policy.lexically_relative(c.files.root).string()},
      {"ppm", plan.ppm.empty() ? "" : plan.ppm.lexically_relative(c.files.root).string()},
      {"base", plan.base.lexically_relative(c.files.root).string()},
      {"problems", plan.problems}};
  WriteFileAtomically(c.files.Plan(round), j.dump(1) + "\n");
  return plan;
}

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
