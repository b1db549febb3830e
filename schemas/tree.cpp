#include "schemas/tree.h"

#include <algorithm>
#include <cmath>

#include "schemas/base/bytes.h"

namespace gradus {
namespace {

// First byte of the binary form. Raise it when the fields below change.
constexpr std::uint8_t kTreeFormat = 1;

void PutNode(ByteWriter& out, const Node& node) {
  out.Put(node.parent).Put(node.depth).Put(static_cast<std::uint8_t>(node.kind));
  out.PutArray(node.tokens).PutArray(node.logprobs).PutArray(node.output_tokens);
  out.PutString(node.text).PutString(node.output).PutString(node.answer);
  out.Put(static_cast<std::uint8_t>(node.judgement.verdict)).PutString(node.judgement.reason);
  out.PutString(node.exec_outcome);
  out.Put(node.q_sum).Put(node.visits).Put(node.ppm);
  out.Put(std::uint8_t{node.has_ppm})
      .Put(std::uint8_t{node.expanded})
      .Put(std::uint8_t{node.closed});
  out.Put(node.samples);
}

void PutContent(ByteWriter& out, const Tree& tree) {
  out.Put(kTreeFormat);
  out.Put(tree.key.round).Put(static_cast<std::uint8_t>(tree.key.phase));
  out.Put(tree.key.problem).Put(tree.key.attempt);
  out.PutString(tree.problem_id).Put(tree.seed).PutString(tree.method);
  out.PutString(tree.policy_digest).PutString(tree.ppm_digest).PutString(tree.prompt_digest);
  out.PutString(tree.verifier);
  out.Put(tree.cost.tokens_generated).Put(tree.cost.tokens_scored);
  out.Put(tree.cost.programs).Put(tree.cost.rollouts);
  out.Put(static_cast<std::uint32_t>(tree.nodes.size()));
  for (const Node& node : tree.nodes) PutNode(out, node);
}

void PutTiming(ByteWriter& out, const SearchCost& cost) {
  out.Put(cost.search_s).Put(cost.generate_s).Put(cost.execute_s).Put(cost.score_s);
  out.Put(cost.finished_unix_s).PutString(cost.host).Put(cost.rank);
}

bool GetFlag(ByteReader& in) {
  const auto value = in.Get<std::uint8_t>();
  if (value > 1) Fail("malformed tree: a flag is {}", value);
  return value == 1;
}

Node GetNode(ByteReader& in) {
  Node node;
  node.parent = in.Get<std::int32_t>();
  node.depth = in.Get<std::uint16_t>();
  node.kind = static_cast<NodeKind>(in.Get<std::uint8_t>());
  node.tokens = in.GetArray<std::int32_t>();
  node.logprobs = in.GetArray<float>();
  node.output_tokens = in.GetArray<std::int32_t>();
  node.text = in.GetString();
  node.output = in.GetString();
  node.answer = in.GetString();
  node.judgement.verdict = static_cast<Verdict>(in.Get<std::uint8_t>());
  node.judgement.reason = in.GetString();
  node.exec_outcome = in.GetString();
  node.q_sum = in.Get<double>();
  node.visits = in.Get<std::uint32_t>();
  node.ppm = in.Get<float>();
  node.has_ppm = GetFlag(in);
  node.expanded = GetFlag(in);
  node.closed = GetFlag(in);
  node.samples = in.Get<std::uint16_t>();
  return node;
}

Tree GetContent(ByteReader& in) {
  const auto format = in.Get<std::uint8_t>();
  if (format != kTreeFormat) {
    Fail("malformed tree: format {}, this program reads {}", format, kTreeFormat);
  }
  Tree tree;
  tree.key.round = in.Get<std::uint32_t>();
  tree.key.phase = static_cast<Phase>(in.Get<std::uint8_t>());
  tree.key.problem = in.Get<std::uint32_t>();
  tree.key.attempt = in.Get<std::uint32_t>();
  tree.problem_id = in.GetString();
  tree.seed = in.Get<Seed>();
  tree.method = in.GetString();
  tree.policy_digest = in.GetString();
  tree.ppm_digest = in.GetString();
  tree.prompt_digest = in.GetString();
  tree.verifier = in.GetString();
  tree.cost.tokens_generated = in.Get<std::uint64_t>();
  tree.cost.tokens_scored = in.Get<std::uint64_t>();
  tree.cost.programs = in.Get<std::uint32_t>();
  tree.cost.rollouts = in.Get<std::uint32_t>();
  // Not reserved: the count is untrusted, and every node takes bytes that must be there.
  const auto count = in.Get<std::uint32_t>();
  for (std::uint32_t i = 0; i < count; ++i) tree.nodes.push_back(GetNode(in));
  return tree;
}

void GetTiming(ByteReader& in, SearchCost& cost) {
  cost.search_s = in.Get<double>();
  cost.generate_s = in.Get<double>();
  cost.execute_s = in.Get<double>();
  cost.score_s = in.Get<double>();
  cost.finished_unix_s = in.Get<double>();
  cost.host = in.GetString();
  cost.rank = in.Get<std::int32_t>();
}

template <class T>
bool AllFinite(const std::vector<T>& values) {
  return std::all_of(values.begin(), values.end(), [](T v) { return std::isfinite(v); });
}

bool AllTokens(const std::vector<std::int32_t>& ids) {
  return std::all_of(ids.begin(), ids.end(), [](std::int32_t id) { return id >= 0; });
}

// What is wrong with node `index` in relation to its parent; "" when nothing.
std::string ShapeFault(const Tree& tree, std::size_t index) {
  const Node& node = tree.nodes[index];
  if (static_cast<std::uint8_t>(node.kind) > static_cast<std::uint8_t>(NodeKind::kFailed)) {
    return "unknown kind";
  }
  if (index == 0) {
    if (node.parent != -1 || node.depth != 0 || node.kind != NodeKind::kRoot) return "is no root";
    return node.logprobs.empty() ? "" : "the prompt has log-probabilities";
  }
  if (node.kind == NodeKind::kRoot) return "is a second root";
  if (node.parent < 0 || static_cast<std::size_t>(node.parent) >= index) {
    return fmt::format("parent {} does not come before it", node.parent);
  }
  const Node& parent = tree.nodes[static_cast<std::size_t>(node.parent)];
  if (parent.kind != NodeKind::kRoot && parent.kind != NodeKind::kStep) {
    return "hangs below a terminal node";
  }
  if (node.depth != parent.depth + 1) return fmt::format("depth {} is wrong", node.depth);
  if (!node.logprobs.empty() && node.logprobs.size() != node.tokens.size()) {
    return fmt::format("{} log-probabilities for {} tokens", node.logprobs.size(),
                       node.tokens.size());
  }
  return "";
}

std::string ValueFault(const Node& node) {
  if (static_cast<std::uint8_t>(node.judgement.verdict) > 2) return "unknown verdict";
  if (!AllTokens(node.tokens) || !AllTokens(node.output_tokens)) return "negative token id";
  if (!AllFinite(node.logprobs)) return "a log-probability is not finite";
  if (!std::isfinite(node.q_sum) || !std::isfinite(node.ppm)) {
    return fmt::format("a value is not finite: Q sum {}, PPM score {}", node.q_sum, node.ppm);
  }
  if (node.samples == 0) return "stands for no sample";
  return "";
}

}  // namespace

void CheckTree(const Tree& tree) {
  if (!IsPhase(static_cast<std::uint8_t>(tree.key.phase))) {
    Fail("malformed tree {}: unknown phase", ToString(tree.key));
  }
  if (tree.nodes.empty()) Fail("malformed tree {}: no nodes", ToString(tree.key));
  for (std::size_t i = 0; i < tree.nodes.size(); ++i) {
    std::string fault = ShapeFault(tree, i);
    if (fault.empty()) fault = ValueFault(tree.nodes[i]);
    if (!fault.empty()) Fail("malformed tree {}: node {}: {}", ToString(tree.key), i, fault);
  }
  const SearchCost& cost = tree.cost;
  for (double seconds :
       {cost.search_s, cost.generate_s, cost.execute_s, cost.score_s, cost.finished_unix_s}) {
    if (!std::isfinite(seconds))
      Fail("malformed tree {}: a time is not finite", ToString(tree.key));
  }
}

std::vector<std::int32_t> PathTo(const Tree& tree, std::int32_t leaf) {
  std::vector<std::int32_t> path;
  for (std::int32_t at = leaf; at > 0; at = tree.nodes[static_cast<std::size_t>(at)].parent) {
    path.push_back(at);
  }
  std::reverse(path.begin(), path.end());
  return path;
}

std::vector<std::int32_t> AnswerLeaves(const Tree& tree) {
  std::vector<std::int32_t> leaves;
  for (std::size_t i = 0; i < tree.nodes.size(); ++i) {
    if (tree.nodes[i].kind == NodeKind::kAnswer) leaves.push_back(static_cast<std::int32_t>(i));
  }
  return leaves;
}

double MeanQ(const Tree& tree, std::int32_t leaf) {
  const std::vector<std::int32_t> path = PathTo(tree, leaf);
  if (path.empty()) return 0;
  double sum = 0;
  for (std::int32_t i : path) sum += QValue(tree.nodes[static_cast<std::size_t>(i)]);
  return sum / static_cast<double>(path.size());
}

std::string SerializeContent(const Tree& tree) {
  ByteWriter out;
  PutContent(out, tree);
  return out.Take();
}

std::string SerializeTree(const Tree& tree) {
  ByteWriter out;
  PutContent(out, tree);
  PutTiming(out, tree.cost);
  return out.Take();
}

Tree ParseTree(std::string_view bytes) {
  ByteReader in(bytes);
  Tree tree = GetContent(in);
  GetTiming(in, tree.cost);
  if (!in.AtEnd()) Fail("malformed tree {}: bytes after its end", ToString(tree.key));
  CheckTree(tree);
  return tree;
}

}  // namespace gradus
