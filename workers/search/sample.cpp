#include "workers/search/search.h"
#include "workers/search/uct.h"

namespace gradus {
namespace {

std::vector<Proposal> NextSteps(const Tree& tree, const std::vector<std::int32_t>& tips,
                                double temperature) {
  std::vector<Proposal> proposals;
  for (std::size_t chain = 0; chain < tips.size(); ++chain) {
    if (tips[chain] < 0) continue;
    proposals.push_back({tips[chain], 1, temperature,
                         MixSeed(tree.seed, "chain", static_cast<std::uint64_t>(chain),
                                 static_cast<std::uint64_t>(tree.nodes[tips[chain]].depth))});
  }
  return proposals;
}

}  // namespace

asio::awaitable<void> SampleChains(Tree& tree, World& world, const SearchOptions& options,
                                   const SearchSpec& spec) {
  constexpr std::int32_t kEnded = -1;
  std::vector<std::int32_t> tips(static_cast<std::size_t>(spec.rollouts),
                                 0);  // Last node of each chain.
  for (int depth = 1; depth <= options.max_depth; ++depth) {
    std::vector<Proposal> proposals = NextSteps(tree, tips, spec.temperature);
    if (proposals.empty()) break;
    std::vector<std::vector<Node>> sampled = co_await world.Propose(tree, std::move(proposals));
    std::vector<Node> steps;
    for (std::vector<Node>& one : sampled) steps.push_back(std::move(one.at(0)));
    co_await world.Check(tree, steps);
    std::size_t next = 0;
    std::vector<std::int32_t> answers;
    for (std::int32_t& tip : tips) {
      if (tip == kEnded) continue;
      const auto index = static_cast<std::int32_t>(tree.nodes.size());
      tree.nodes[tip].expanded = true;
      tree.nodes.push_back(std::move(steps[next++]));
      const Node& step = tree.nodes[index];
      if (step.kind == NodeKind::kAnswer) answers.push_back(index);
      tip = IsTerminal(step) ? kEnded : index;
    }
    if (spec.annotation == Annotation::kPpm && !answers.empty()) {
      const std::vector<float> scores = co_await world.Score(tree, answers);
      for (std::size_t i = 0; i < answers.size(); ++i) {
        tree.nodes[answers[i]].ppm = scores[i];
        tree.nodes[answers[i]].has_ppm = true;
      }
    }
    for (std::int32_t answer : answers) {
      if (const auto value = TrueValue(tree.nodes[answer])) BackUp(tree, answer, *value);
    }
  }
  tree.cost.rollouts += static_cast<std::uint32_t>(spec.rollouts);
}

}  // namespace gradus
