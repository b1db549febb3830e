#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "schemas/tree.h"

namespace gradus {

// One root-to-answer path of a tree. Points into the tree it was read from.
struct Trajectory {
  const Tree* tree = nullptr;
  std::int32_t leaf = -1;
  std::vector<std::int32_t> steps;  // Node indices from the root's child to the leaf.
  double mean_q = 0, min_q = 0;     // Over the steps.
  Verdict verdict = Verdict::kUnverifiable;
};

// Every trajectory that ends in an answer, by key and node index, whatever the order of `trees`.
std::vector<Trajectory> AnswerTrajectories(const std::vector<Tree>& trees);

// The steps as the model sees them after the prompt: sampled tokens and interpreter output.
std::vector<std::int32_t> ResponseTokens(const Trajectory& trajectory);
// The same as text.
std::string ResponseText(const Trajectory& trajectory);

// Answer trajectories by verdict. Unverifiable ones are counted apart: they are no label.
struct VerdictCounts {
  std::uint64_t correct = 0, wrong = 0, unverifiable = 0;
  std::uint64_t Verified() const { return correct + wrong; }
  VerdictCounts& operator+=(const VerdictCounts& other);
};
VerdictCounts CountVerdicts(const Tree& tree);
VerdictCounts CountVerdicts(const std::vector<Tree>& trees);

}  // namespace gradus
