#pragma once
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <exception>
#include <map>
#include <string>
#include <vector>

#include "workers/environments/python_steps.h"
#include "workers/search/search.h"
#include "workers/search/world.h"

namespace gradus {

// A candidate the scripted policy gives below a node, with what checking it will say.
struct ScriptedStep {
  std::string text;
  NodeKind kind = NodeKind::kStep;
  Verdict verdict = Verdict::kUnverifiable;
  float ppm = 0;
};

inline ScriptedStep Step(std::string text, float ppm = 0) {
  return {std::move(text), NodeKind::kStep, {}, ppm};
}
inline ScriptedStep Broken(std::string text) { return {std::move(text), NodeKind::kFailed, {}, 0}; }
inline ScriptedStep Right(std::string text, float ppm = 0) {
  return {text + marker::kEndOfAnswer, NodeKind::kAnswer, Verdict::kCorrect, ppm};
}
inline ScriptedStep Wrong(std::string text, float ppm = 0) {
  return {text + marker::kEndOfAnswer, NodeKind::kAnswer, Verdict::kWrong, ppm};
}
inline ScriptedStep Undecided(std::string text) {
  return {text + marker::kEndOfAnswer, NodeKind::kAnswer, Verdict::kUnverifiable, 0};
}

// Plays a script: the candidates below a node are looked up by the node's text ("" for the root)
// and dealt in order, starting over when more samples are asked for.
class ScriptedWorld final : public World {
 public:
  std::map<std::string, std::vector<ScriptedStep>> script;
  std::vector<std::string> expanded;  // Texts of the nodes that were expanded, in order.

  asio::awaitable<std::vector<std::vector<Node>>> Propose(
      const Tree& tree, std::vector<Proposal> proposals) override {
    std::vector<std::vector<Node>> result;
    for (const Proposal& p : proposals) {
      const Node& parent = tree.nodes[p.node];
      expanded.push_back(parent.text);
      const std::vector<ScriptedStep>& steps = script[parent.text];
      std::vector<Node> nodes;
      for (int i = 0; i < p.samples && !steps.empty(); ++i) {
        Node node;
        node.parent = p.node;
        node.depth = static_cast<std::uint16_t>(parent.depth + 1);
        node.text = steps[static_cast<std::size_t>(i) % steps.size()].text;
        nodes.push_back(node);
      }
      result.push_back(std::move(nodes));
    }
    co_return result;
  }
  bool Finishes(const Node& node) const override {
    return node.text.ends_with(marker::kEndOfAnswer);
  }
  asio::awaitable<void> Check(const Tree& tree, std::vector<Node>& candidates) override {
    for (Node& node : candidates) {
      const ScriptedStep& step = Find(tree, node);
      node.kind = step.kind;
      node.judgement.verdict = step.verdict;
    }
    co_return;
  }
  asio::awaitable<std::vector<float>> Score(const Tree& tree,
                                            std::vector<std::int32_t> nodes) override {
    std::vector<float> scores;
    for (std::int32_t node : nodes) scores.push_back(Find(tree, tree.nodes[node]).ppm);
    co_return scores;
  }

 private:
  const ScriptedStep& Find(const Tree& tree, const Node& node) {
    for (const ScriptedStep& step : script[tree.nodes[node.parent].text]) {
      if (step.text == node.text) return step;
    }
    throw std::logic_error("the script lacks " + node.text);
  }
};

inline Tree SearchScript(ScriptedWorld& world, const SearchOptions& options,
                         const SearchSpec& spec) {
  Tree tree;
  tree.seed = 7;
  tree.nodes.emplace_back();
  asio::io_context io;
  std::exception_ptr failure;
  asio::co_spawn(io, Search(tree, world, options, spec),
                 [&](std::exception_ptr error) { failure = error; });
  io.run();
  if (failure) std::rethrow_exception(failure);
  return tree;
}

inline const Node& NodeNamed(const Tree& tree, const std::string& text) {
  for (const Node& node : tree.nodes) {
    if (node.text == text || node.text == text + marker::kEndOfAnswer) return node;
  }
  throw std::logic_error("no node " + text);
}

}  // namespace gradus
