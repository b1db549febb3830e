#include "orchestrator/measure/round_metrics.h"

#include <nlohmann/json.hpp>

#include "orchestrator/selection/difficulty.h"
#include "schemas/base/error.h"

namespace gradus {
namespace {

void CountNodes(const Tree& tree, RoundMetrics& metrics) {
  for (const Node& node : tree.nodes) {
    const bool undecided =
        node.kind == NodeKind::kAnswer && node.judgement.verdict == Verdict::kUnverifiable;
    if (node.kind != NodeKind::kFailed && !undecided) continue;
    std::string reason = node.judgement.reason;
    if (reason.empty()) reason = node.exec_outcome.empty() ? "unknown" : node.exec_outcome;
    ++metrics.failures[undecided ? "unverifiable: " + reason : reason];
  }
  metrics.nodes += tree.nodes.size();
  metrics.tokens += tree.cost.tokens_generated;
  metrics.tokens_scored += tree.cost.tokens_scored;
  metrics.programs += tree.cost.programs;
  ++metrics.trees;
}

void CountProblem(const VerdictCounts& counts, const std::string& level, RoundMetrics& metrics) {
  switch (Classify(counts)) {
    case Difficulty::kEasy:
      ++metrics.easy;
      break;
    case Difficulty::kMedium:
      ++metrics.medium;
      break;
    case Difficulty::kHard:
      ++metrics.hard;
      break;
    case Difficulty::kUnknown:
      ++metrics.unknown;
      break;
  }
  metrics.correct += counts.correct;
  metrics.wrong += counts.wrong;
  metrics.unverifiable += counts.unverifiable;
  metrics.coverage.Add(level, counts.correct > 0 ? 1 : 0,
                       counts.Verified() == 0 && counts.unverifiable > 0);
}

double PerSolved(std::uint64_t amount, double solved) {
  return solved > 0 ? static_cast<double>(amount) / solved : 0;
}

}  // namespace

void RoundMeter::Add(const Tree& tree) {
  Require(tree.key.problem < problems_.size(), "a tree's key lies outside its problem file");
  by_problem_[tree.key.problem] += CountVerdicts(tree);
  CountNodes(tree, sums_);
}

RoundMetrics RoundMeter::Metrics() const {
  RoundMetrics metrics = sums_;
  for (const auto& [problem, counts] : by_problem_) {
    CountProblem(counts, problems_[problem].level, metrics);
  }
  return metrics;
}

nlohmann::ordered_json ToJson(const RoundMetrics& m) {
  const double solved = m.coverage.all.successes;
  const Interval interval = WilsonInterval(solved, m.coverage.all.total);
  nlohmann::ordered_json json;
  json["coverage"] = {{"all", m.coverage.all.Value()},
                      {"by_level", LevelValues(m.coverage)},
                      {"interval", {interval.low, interval.high}},
                      {"solved", static_cast<std::uint64_t>(solved)},
                      {"problems", m.coverage.all.total}};
  json["difficulty"] = {
      {"easy", m.easy}, {"medium", m.medium}, {"hard", m.hard}, {"unknown", m.unknown}};
  json["trajectories"] = {
      {"correct", m.correct}, {"wrong", m.wrong}, {"unverifiable", m.unverifiable}};
  json["cost"] = {{"tokens", m.tokens},
                  {"tokens_scored", m.tokens_scored},
                  {"programs", m.programs},
                  {"trees", m.trees},
                  {"nodes", m.nodes},
                  {"tokens_per_solved", PerSolved(m.tokens, solved)},
                  {"programs_per_solved", PerSolved(m.programs, solved)}};
  json["failures"] = m.failures;
  return json;
}

}  // namespace gradus
