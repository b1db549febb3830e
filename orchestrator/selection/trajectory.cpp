#include "orchestrator/selection/trajectory.h"

#include <algorithm>

namespace gradus {

std::vector<Trajectory> AnswerTrajectories(const std::vector<Tree>& trees) {
  std::vector<Trajectory> found;
  for (const Tree& tree : trees) {
    for (std::int32_t leaf : AnswerLeaves(tree)) {
      Trajectory trajectory;
      trajectory.tree = &tree;
      trajectory.leaf = leaf;
      trajectory.steps = PathTo(tree, leaf);
      trajectory.mean_q = MeanQ(tree, leaf);
      trajectory.min_q = 1;
      for (std::int32_t i : trajectory.steps) {
        trajectory.min_q = std::min(trajectory.min_q, QValue(tree.nodes[i]));
      }
      trajectory.verdict = tree.nodes[leaf].judgement.verdict;
      found.push_back(std::move(trajectory));
    }
  }
  std::stable_sort(found.begin(), found.end(), [](const Trajectory& a, const Trajectory& b) {
    return a.tree->key != b.tree->key ? a.tree->key < b.tree->key : a.leaf < b.leaf;
  });
  return found;
}

std::vector<std::int32_t> ResponseTokens(const Trajectory& trajectory) {
  std::vector<std::int32_t> tokens;
  for (std::int32_t i : trajectory.steps) {
    const Node& node = trajectory.tree->nodes[i];
    tokens.insert(tokens.end(), node.tokens.begin(), node.tokens.end());
    tokens.insert(tokens.end(), node.output_tokens.begin(), node.output_tokens.end());
  }
  return tokens;
}

std::string ResponseText(const Trajectory& trajectory) {
  std::string text;
  for (std::int32_t i : trajectory.steps) {
    text += trajectory.tree->nodes[i].text;
    text += trajectory.tree->nodes[i].output;
  }
  return text;
}

VerdictCounts& VerdictCounts::operator+=(const VerdictCounts& other) {
  correct += other.correct;
  wrong += other.wrong;
  unverifiable += other.unverifiable;
  return *this;
}

VerdictCounts CountVerdicts(const Tree& tree) {
  VerdictCounts counts;
  for (std::int32_t leaf : AnswerLeaves(tree)) {
    switch (tree.nodes[leaf].judgement.verdict) {
      case Verdict::kCorrect:
        ++counts.correct;
        break;
      case Verdict::kWrong:
        ++counts.wrong;
        break;
      case Verdict::kUnverifiable:
        ++counts.unverifiable;
        break;
    }
  }
  return counts;
}

VerdictCounts CountVerdicts(const std::vector<Tree>& trees) {
  VerdictCounts counts;
  for (const Tree& tree : trees) counts += CountVerdicts(tree);
  return counts;
}

}  // namespace gradus
