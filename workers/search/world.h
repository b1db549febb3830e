#pragma once
#include <asio/awaitable.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "schemas/base/seed.h"
#include "schemas/tree.h"

namespace gradus {

// Samples of the next step below one node.
struct Proposal {
  std::int32_t node = 0;
  int samples = 1;
  double temperature = 1.0;
  Seed seed = 0;
};

// What a search needs from outside, as coroutines: the policy, the interpreter with the grader, the
// PPM. The live one talks to engines and sandboxes; tests script it.
class World {
 public:
  virtual ~World() = default;
  // For each proposal its sampled steps as nodes: parent, depth, tokens, logprobs and text are
  // filled in.
  virtual asio::awaitable<std::vector<std::vector<Node>>> Propose(
      const Tree& tree, std::vector<Proposal> proposals) = 0;
  // Whether a sampled step ends its trajectory, judged by its text alone.
  virtual bool Finishes(const Node& candidate) const = 0;
  // Runs or grades each candidate below its parent: kind, output, answer, judgement, exec_outcome.
  virtual asio::awaitable<void> Check(const Tree& tree, std::vector<Node>& candidates) = 0;
  // PPM scores in [-1, 1] of nodes that are in the tree.
  virtual asio::awaitable<std::vector<float>> Score(const Tree& tree,
                                                    std::vector<std::int32_t> nodes) = 0;
};

}  // namespace gradus
