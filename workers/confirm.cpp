#include "workers/confirm.h"

#include <map>
#include <string>
#include <vector>

#include "schemas/base/error.h"
#include "schemas/base/log.h"
#include "workers/search/await.h"

namespace gradus {
namespace {

// The nodes of the path to `leaf` whose states hold all that ran: those behind which the world
// wrote what it saw, and the last that ran.
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

StepReading ReadNode(const Environment& environment, const Node& node) {
  return environment.Read({node.text, false});
}

State StateOf(const Environment& environment, const Problem& problem, const Tree& tree,
              std::int32_t node) {
  const Node& end = tree.nodes[node];
  State state = environment.StateAt(problem, tree, end.parent);
  std::string source = ReadNode(environment, end).source;
  if (!source.empty()) state.steps.push_back(std::move(source));
  return state;
}

bool SameAsSeen(const Environment& environment, const Node& node, const Report& report) {
  if (report.end == End::kBroken) Fail("the verifier is broken here: {}", report.outcome);
  if (node.exec_outcome != report.outcome) return false;
  return node.output.empty() ||
         node.output == environment.Observe(ReadNode(environment, node), report);
}

}  // namespace

asio::awaitable<void> Confirm(Tree& tree, Verifier& verifier, const ExecLimits& limits,
                              const Environment& environment, const Problem& problem) {
  std::map<std::int32_t, bool> confirmed;  // By block end: many trajectories share one.
  for (std::int32_t i = 0; i < std::ssize(tree.nodes); ++i) {
    if (tree.nodes[i].judgement.verdict != Verdict::kCorrect) continue;
    for (std::int32_t end : BlockEnds(tree, i)) confirmed.emplace(end, false);
  }
  if (confirmed.empty()) co_return;
  std::vector<std::int32_t> ends;  // Those that something runs for.
  std::vector<State> states;
  for (auto& [end, same] : confirmed) {
    State state = StateOf(environment, problem, tree, end);
    if (state.steps.empty()) {
      same = SameAsSeen(environment, tree.nodes[end], NothingRan());
      continue;
    }
    ends.push_back(end);
    states.push_back(std::move(state));
  }
  const double start = MonotonicSeconds();
  tree.cost.programs += static_cast<std::uint32_t>(confirmed.size());
  std::vector<Checked> checked;
  if (!states.empty()) {
    checked = co_await AwaitAll<Checked>(states.size(), [&](std::size_t i, auto done) {
      verifier.Check(std::move(states[i]), nullptr, limits, std::move(done));
    });
  }
  tree.cost.execute_s += MonotonicSeconds() - start;
  for (std::size_t i = 0; i < ends.size(); ++i) {
    confirmed[ends[i]] = SameAsSeen(environment, tree.nodes[ends[i]], checked[i].report);
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
