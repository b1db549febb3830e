#include <algorithm>

#include "workers/search/search.h"
#include "workers/search/uct.h"

namespace gradus {
namespace {

// One tree being searched.
struct Growth {
  Tree& tree;
  World& world;
  const SearchOptions& options;
  const SearchSpec& spec;
  Children children;
};

// What an answer is worth to the search: the truth while generating data, the PPM's opinion in
// evaluation.
std::optional<double> Worth(const Growth& g, const Node& answer) {
  if (!g.spec.blind) return TrueValue(answer);
  return answer.has_ppm ? std::optional<double>(answer.ppm) : 0.0;
}

std::int32_t AddChild(Growth& g, Node child) {
  const auto index = static_cast<std::int32_t>(g.tree.nodes.size());
  g.children[child.parent].push_back(index);
  g.children.emplace_back();
  g.tree.nodes.push_back(std::move(child));
  return index;
}

// A failed step is not kept (paper), or stays as a terminal worth -1 that is not propagated
// (released code).
void AddCandidates(Growth& g, std::vector<Node> candidates, std::vector<std::int32_t>& added) {
  for (Node& candidate : candidates) {
    if (candidate.kind == NodeKind::kStep && candidate.depth >= g.options.max_depth) {
      candidate.kind = NodeKind::kFailed;
      candidate.judgement.reason = "too-deep";
    }
    const bool failed = candidate.kind == NodeKind::kFailed;
    if (failed && g.options.failed_steps == FailedSteps::kDrop) continue;
    if (failed) {
      candidate.q_sum = -1;
      candidate.visits = 1;
      candidate.closed = true;
    }
    added.push_back(AddChild(g, std::move(candidate)));
  }
}

// Ground truth decides terminals while generating data, so only open steps get a score then (eq.
// 3).
asio::awaitable<void> ScoreChildren(Growth& g, const std::vector<std::int32_t>& added) {
  if (g.spec.annotation != Annotation::kPpm) co_return;
  std::vector<std::int32_t> scored;
  for (std::int32_t child : added) {
    const NodeKind kind = g.tree.nodes[child].kind;
    if (kind == NodeKind::kStep || (kind == NodeKind::kAnswer && g.spec.blind)) {
      scored.push_back(child);
    }
  }
  if (scored.empty()) co_return;
  const std::vector<float> scores = co_await g.world.Score(g.tree, scored);
  for (std::size_t i = 0; i < scored.size(); ++i) {
    Node& node = g.tree.nodes[scored[i]];
    if (node.kind == NodeKind::kStep) {
      SetPrior(node, scores[i], g.options.ppm_init);
    } else {
      node.ppm = scores[i];
      node.has_ppm = true;
    }
  }
}

void Finish(Growth& g, std::int32_t answer) {
  if (const std::optional<double> value = Worth(g, g.tree.nodes[answer]))
    BackUp(g.tree, answer, *value);
  Close(g.tree, g.children, answer);
}

// Samples, checks, filters and scores the children of a leaf. True when answers were backed up at
// once.
asio::awaitable<bool> Expand(Growth& g, std::int32_t node) {
  std::vector<Proposal> proposals(1);
  proposals[0] = {node, g.spec.candidates, g.spec.temperature,
                  MixSeed(g.tree.seed, "expand", static_cast<std::uint64_t>(node))};
  std::vector<std::vector<Node>> sampled = co_await g.world.Propose(g.tree, std::move(proposals));
  std::vector<Node> candidates =
      FilterCandidates(std::move(sampled[0]), g.options,
                       [&](const Node& sample) { return g.world.Finishes(sample); });
  co_await g.world.Check(g.tree, candidates);
  std::vector<std::int32_t> added;
  AddCandidates(g, std::move(candidates), added);
  g.tree.nodes[node].expanded = true;
  co_await ScoreChildren(g, added);
  bool answered = false;
  if (g.options.backup == Backup::kAtCreation) {
    for (std::int32_t child : added) {
      if (g.tree.nodes[child].kind != NodeKind::kAnswer) continue;
      Finish(g, child);
      answered = true;
    }
  }
  const bool open = std::any_of(added.begin(), added.end(),
                                [&](std::int32_t c) { return !g.tree.nodes[c].closed; });
  if (!open) Close(g.tree, g.children, node);
  co_return answered;
}

// One rollout from the root: at most max_depth levels, descending and expanding alike.
asio::awaitable<void> Rollout(Growth& g) {
  const bool trajectory = g.options.rollout_unit == RolloutUnit::kTrajectory;
  std::int32_t node = 0;
  for (int level = 0; level < g.options.max_depth; ++level) {
    if (!g.tree.nodes[node].expanded) {
      const bool answered = co_await Expand(g, node);
      if (answered && trajectory) co_return;
    }
    const std::optional<std::int32_t> child = SelectChild(g.tree, g.children, node, g.options);
    if (!child) co_return;
    if (g.tree.nodes[*child].kind == NodeKind::kAnswer) {
      Finish(g, *child);
      if (trajectory) co_return;
    } else {
      node = *child;
    }
  }
}

}  // namespace

asio::awaitable<void> Mcts(Tree& tree, World& world, const SearchOptions& options,
                           const SearchSpec& spec) {
  Growth growth{tree, world, options, spec, Children(tree.nodes.size())};
  for (int rollout = 0; rollout < spec.rollouts && !tree.nodes[0].closed; ++rollout) {
    co_await Rollout(growth);
    tree.cost.rollouts += 1;
  }
}

}  // namespace gradus
