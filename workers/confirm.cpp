#include "workers/confirm.h"

#include <map>
#include <string>
#include <vector>

#include "schemas/base/log.h"
#include "workers/search/await.h"

namespace gradus {
namespace {

// The nodes of the path to `leaf` whose program holds all code of its block: those that closed one,
// and the last that ran any.
std::vector<std::int32_t> BlockEnds(const Tree& tree, std::int32_t leaf) {
  std::vector<std::int32_t> ends;
  bool last = true;
  for (std::int32_t at = leaf; at > 0; at = tree.nodes[at].parent) {
    const Node& node = tree.nodes[at];
    if (node.exec_outcome.empty()) continue;
    if (last || !node.output.empty()) ends.push_back(at);
    last = false;
  }
  return ends;
}

bool SameAsSeen(const Node& node, const ExecResult& result, const EnvironmentOptions& environment) {
  if (node.exec_outcome != ToString(result.outcome)) return false;
  if (node.output.empty()) return true;
  const std::string shown = OutputText(environment, result);
  return node.output == shown || node.output == marker::kEndOfCode + shown;
}

}  // namespace

asio::awaitable<void> Confirm(Tree& tree, Executor& executor, const ExecLimits& limits,
                              const EnvironmentOptions& environment, AnswerRule rule,
                              const Problem& problem) {
  std::map<std::int32_t, bool> confirmed;  // By block end: many trajectories share one.
  for (std::int32_t i = 0; i < std::ssize(tree.nodes); ++i) {
    if (tree.nodes[i].judgement.verdict != Verdict::kCorrect) continue;
    for (std::int32_t end : BlockEnds(tree, i)) confirmed.emplace(end, false);
  }
  std::vector<Program> programs;
  for (const auto& [end, unused] : confirmed) {
    Program program{BlockSteps(tree, tree.nodes[end].parent), problem.allowed_steps};
    const StepReading reading = ReadStep(tree.nodes[end].text, rule);
    if (!reading.code.empty()) program.steps.push_back(reading.code);
    programs.push_back(std::move(program));
  }
  if (programs.empty()) co_return;
  const double start = MonotonicSeconds();
  tree.cost.programs += static_cast<std::uint32_t>(programs.size());
  std::vector<ExecResult> results =
      co_await AwaitAll<ExecResult>(programs.size(), [&](std::size_t i, auto done) {
        executor.Check(std::move(programs[i]), limits, std::move(done));
      });
  tree.cost.execute_s += MonotonicSeconds() - start;
  auto result = results.begin();
  for (auto& [end, same] : confirmed) {
    same = SameAsSeen(tree.nodes[end], *result++, environment);
  }
  for (std::int32_t i = 0; i < std::ssize(tree.nodes); ++i) {
    Judgement& judgement = tree.nodes[i].judgement;
    if (judgement.verdict != Verdict::kCorrect) continue;
    for (std::int32_t end : BlockEnds(tree, i)) {
      if (!confirmed.at(end)) judgement = {Verdict::kUnverifiable, "recheck-differs"};
    }
  }
}

}  // namespace gradus
