#pragma once
#include <string>
#include <vector>

#include "schemas/base/seed.h"
#include "schemas/tree.h"

namespace gradus {

// Builds trees whose numbers a test can state. One token per byte of text, so that token sequences
// read as text.
class HandMadeTree {
 public:
  explicit HandMadeTree(std::uint32_t attempt = 0, std::string prompt = "Q:") {
    tree_.key = {1, Phase::kRollout, 0, attempt};
    tree_.problem_id = "p";
    tree_.seed = 1000 + attempt;
    tree_.method = "mcts";
    Node root;
    root.tokens = Tokens(prompt);
    root.text = prompt;
    root.expanded = true;
    root.visits = 1;
    tree_.nodes.push_back(root);
  }

  static std::vector<std::int32_t> Tokens(const std::string& text) {
    return {text.begin(), text.end()};
  }
  static std::string Text(const std::vector<std::int32_t>& tokens) {
    return {tokens.begin(), tokens.end()};
  }

  // Each returns the new node's index. Q is exact when it is a multiple of a power of two.
  int Step(int parent, const std::string& text, double q, std::uint32_t visits = 4,
           const std::string& output = "") {
    Node node;
    node.parent = parent;
    node.depth = static_cast<std::uint16_t>(tree_.nodes[parent].depth + 1);
    node.kind = NodeKind::kStep;
    node.tokens = Tokens(text);
    node.logprobs.assign(node.tokens.size(), -1.0f);
    node.output_tokens = Tokens(output);
    node.text = text;
    node.output = output;
    node.visits = visits;
    node.q_sum = q * visits;
    node.expanded = true;
    tree_.nodes.push_back(node);
    return static_cast<int>(tree_.nodes.size()) - 1;
  }
  int Answer(int parent, const std::string& text, Verdict verdict) {
    const double q = verdict == Verdict::kCorrect ? 1 : verdict == Verdict::kWrong ? -1 : 0;
    const int index = Step(parent, text, q, 1);
    Node& node = tree_.nodes[index];
    node.kind = NodeKind::kAnswer;
    node.answer = text;
    node.judgement = {verdict, "hand-made"};
    return index;
  }
  int Right(int parent, const std::string& text) { return Answer(parent, text, Verdict::kCorrect); }
  int Wrong(int parent, const std::string& text) { return Answer(parent, text, Verdict::kWrong); }
  int Failed(int parent, const std::string& text, const std::string& reason) {
    const int index = Step(parent, text, -1, 1);
    tree_.nodes[index].kind = NodeKind::kFailed;
    tree_.nodes[index].judgement.reason = reason;
    tree_.nodes[index].exec_outcome = reason;
    return index;
  }

  Node& operator[](int index) { return tree_.nodes[index]; }
  Tree& tree() { return tree_; }
  operator const Tree&() const { return tree_; }

 private:
  Tree tree_;
};

// Some forty nodes of every kind, hanging anywhere.
inline Tree RandomTree(Random& random, std::uint32_t attempt) {
  HandMadeTree tree(attempt);
  std::vector<int> open{0};
  for (int i = 0; i < 40; ++i) {
    const int parent = open[random.Below(open.size())];
    const std::string text(1, static_cast<char>('a' + random.Below(6)));
    const double q = static_cast<double>(random.Below(17)) / 8 - 1;
    switch (random.Below(6)) {
      case 0:
        tree.Right(parent, text);
        break;
      case 1:
        tree.Wrong(parent, text);
        break;
      case 2:
        tree.Answer(parent, text, Verdict::kUnverifiable);
        break;
      case 3:
        tree.Failed(parent, text, "exception");
        break;
      default:
        open.push_back(tree.Step(parent, text, q, 1 + random.Below(8), "o"));
    }
  }
  return tree;
}

}  // namespace gradus
