#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "schemas/ids.h"
#include "schemas/verdict.h"

namespace gradus {

// Why a node is where it is. Values are stored: append only.
enum class NodeKind : std::uint8_t {
  kRoot = 0,
  kStep = 1,    // A step whose code ran; the search may go on below it.
  kAnswer = 2,  // Terminal with a final answer; `judgement` says correct, wrong or unverifiable.
  kFailed = 3,  // Terminal: code failed, malformed step, too deep; `judgement.reason` says which.
};

// One generated step. Token ids are the truth; text is what they decode to.
struct Node {
  std::int32_t parent =
      -1;  // Index into Tree::nodes; the root has -1. Parents come before children.
  std::uint16_t depth = 0;
  NodeKind kind = NodeKind::kRoot;
  std::vector<std::int32_t>
      tokens;                   // Sampled by the policy, stop marker included. Root: the prompt.
  std::vector<float> logprobs;  // Natural log, of the sampled tokens. Root: empty.
  std::vector<std::int32_t>
      output_tokens;   // Written by the harness after the step (interpreter output).
  std::string text;    // Decoded `tokens`.
  std::string output;  // Decoded `output_tokens`.
  std::string answer;  // Final answer of an answer node.
  Judgement judgement;
  std::string exec_outcome;  // "ok", "exception", …; "" when nothing ran.
  double q_sum = 0;          // Sum of backed-up values; Q = q_sum / visits.
  std::uint32_t visits = 0;
  float ppm = 0;  // PPM score in [-1, 1]; meaningful when has_ppm.
  bool has_ppm = false;
  bool expanded = false;
  bool closed = false;        // Every path below is terminal: never selected again.
  std::uint16_t samples = 1;  // How many identical samples this node stands for.
};

inline double QValue(const Node& node) { return node.visits == 0 ? 0.0 : node.q_sum / node.visits; }

// How much work a tree cost; counts are deterministic, seconds are not (and live in /timing).
struct SearchCost {
  std::uint64_t tokens_generated = 0;
  std::uint64_t tokens_scored = 0;
  std::uint32_t programs = 0;
  std::uint32_t rollouts = 0;
  double search_s = 0, generate_s = 0, execute_s = 0, score_s = 0;
  double finished_unix_s = 0;
  std::string host;
  std::int32_t rank = 0;
};

// The result of one key: everything the search saw, and what made it.
struct Tree {
  Key key;
  std::string problem_id;
  Seed seed = 0;
  std::string method;         // "mcts", "sample", "greedy", …
  std::string policy_digest;  // SHA-256 of the weights file.
  std::string ppm_digest;     // "" when no PPM was used.
  std::string prompt_digest;  // SHA-256 of the prompt template.
  std::string verifier;       // Name and version of grader and executor.
  std::vector<Node> nodes;    // nodes[0] is the root.
  SearchCost cost;
};

// Node indices from the root's child to `leaf`.
std::vector<std::int32_t> PathTo(const Tree& tree, std::int32_t leaf);
// Leaves of kind kAnswer, in node order.
std::vector<std::int32_t> AnswerLeaves(const Tree& tree);
// Mean Q over the steps of the path, the root left out (rStar-Math §3.2, §3.4).
double MeanQ(const Tree& tree, std::int32_t leaf);

// The binary form used in messages and ledger records; ParseTree checks structure and throws Error.
std::string SerializeTree(const Tree& tree);
// Throws Error naming the key and the node that break the shape described above.
void CheckTree(const Tree& tree);
Tree ParseTree(std::string_view bytes);
// The same bytes without SearchCost's seconds, host, rank and times: what the digests are made of.
std::string SerializeContent(const Tree& tree);
}  // namespace gradus
