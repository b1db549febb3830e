#include "orchestrator/rounds/plan.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "schemas/base/error.h"
#include "schemas/base/file.h"

namespace gradus {
namespace {

using nlohmann::ordered_json;

std::string ExistingOrNone(const std::filesystem::path& folder) {
  return std::filesystem::exists(folder) ? folder.string() : "";
}

}  // namespace

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

}  // namespace gradus
