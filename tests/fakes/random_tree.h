#pragma once
#include <string>
#include <utility>
#include <vector>

#include "schemas/base/seed.h"
#include "schemas/tree.h"

namespace gradus {

// Well-formed trees of any shape, from a seed: empty texts, bytes that are no UTF-8, prompts
// without steps.
class RandomTrees {
 public:
  explicit RandomTrees(Seed seed) : random_(seed) {}

  Tree Make(const Key& key) {
    Tree tree;
    tree.key = key;
    tree.seed = SeedOf(7, key);
    tree.problem_id = "problem-" + std::to_string(key.problem);
    tree.method = random_.Below(2) ? "mcts" : "sample";
    tree.policy_digest = std::string(64, 'a');
    tree.ppm_digest = random_.Below(2) ? std::string(64, 'b') : "";
    tree.prompt_digest = std::string(64, 'c');
    tree.verifier = "grader 1 / python 1";
    tree.nodes.push_back(Root());
    for (std::uint64_t n = random_.Below(12); n > 0; --n) AddNode(tree);
    tree.cost.tokens_generated = random_.Below(1u << 20);
    tree.cost.tokens_scored = random_.Below(1u << 20);
    tree.cost.programs = static_cast<std::uint32_t>(random_.Below(100));
    tree.cost.rollouts = static_cast<std::uint32_t>(random_.Below(100));
    SetTiming(tree);
    return tree;
  }

  std::vector<Tree> MakeMany(std::uint32_t count, std::uint32_t round = 1) {
    std::vector<Tree> trees;
    for (std::uint32_t i = 0; i < count; ++i) trees.push_back(Make({round, Phase::kRollout, i, 0}));
    return trees;
  }

  // New clock times, host and rank; nothing else.
  void SetTiming(Tree& tree) {
    tree.cost.search_s = random_.Uniform();
    tree.cost.generate_s = random_.Uniform();
    tree.cost.execute_s = random_.Uniform();
    tree.cost.score_s = random_.Uniform();
    tree.cost.finished_unix_s = 1.7e9 + random_.Uniform();
    tree.cost.host = "node-" + std::to_string(random_.Below(100));
    tree.cost.rank = static_cast<std::int32_t>(random_.Below(64));
  }

 private:
  std::string Text() {
    std::string text;
    for (std::uint64_t n = random_.Below(40); n > 0; --n) {
      text.push_back(static_cast<char>(random_.Below(256)));
    }
    return text;
  }
  std::vector<std::int32_t> Tokens() {
    std::vector<std::int32_t> ids;
    for (std::uint64_t n = random_.Below(30); n > 0; --n) {
      ids.push_back(static_cast<std::int32_t>(random_.Below(150000)));
    }
    return ids;
  }
  Node Root() {
    Node root;
    root.tokens = Tokens();
    root.text = Text();
    root.visits = static_cast<std::uint32_t>(random_.Below(50));
    return root;
  }
  void AddNode(Tree& tree) {
    std::vector<std::int32_t> open;
    for (std::size_t i = 0; i < tree.nodes.size(); ++i) {
      const NodeKind kind = tree.nodes[i].kind;
      if (kind == NodeKind::kRoot || kind == NodeKind::kStep) {
        open.push_back(static_cast<std::int32_t>(i));
      }
    }
    Node node;
    node.parent = open[random_.Below(open.size())];
    node.depth =
        static_cast<std::uint16_t>(tree.nodes[static_cast<std::size_t>(node.parent)].depth + 1);
    node.kind = static_cast<NodeKind>(1 + random_.Below(3));
    node.tokens = Tokens();
    for (std::size_t i = 0; i < node.tokens.size(); ++i) {
      node.logprobs.push_back(static_cast<float>(-3 * random_.Uniform()));
    }
    node.output_tokens = Tokens();
    node.text = Text();
    node.output = Text();
    node.answer = node.kind == NodeKind::kAnswer ? Text() : "";
    node.judgement = {static_cast<Verdict>(random_.Below(3)), "exact-rational"};
    node.exec_outcome = random_.Below(2) ? "ok" : "";
    node.q_sum = 4 * random_.Uniform() - 2;
    node.visits = static_cast<std::uint32_t>(random_.Below(9));
    node.has_ppm = random_.Below(2) == 1;
    node.ppm = node.has_ppm ? static_cast<float>(random_.Uniform()) : 0;
    node.expanded = random_.Below(2) == 1;
    node.closed = random_.Below(2) == 1;
    node.samples = static_cast<std::uint16_t>(1 + random_.Below(4));
    tree.nodes.push_back(std::move(node));
  }

  Random random_;
};

}  // namespace gradus
