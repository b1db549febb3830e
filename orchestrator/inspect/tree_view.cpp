#include "orchestrator/inspect/tree_view.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "orchestrator/selection/trajectory.h"

namespace gradus {
namespace {

using nlohmann::ordered_json;

// Length of the UTF-8 sequence at `i`, 0 when it is not well formed (over-long forms and surrogates
// included).
std::size_t SequenceLength(const std::string& text, std::size_t i) {
  const auto byte = [&](std::size_t at) {
    return at < text.size() ? static_cast<unsigned char>(text[at]) : 0u;
  };
  const unsigned first = byte(i);
  const std::size_t length = first < 0x80                    ? 1
                             : first >= 0xC2 && first < 0xE0 ? 2
                             : first >= 0xE0 && first < 0xF0 ? 3
                             : first >= 0xF0 && first < 0xF5 ? 4
                                                             : 0;
  for (std::size_t k = 1; k < length; ++k) {
    if ((byte(i + k) & 0xC0) != 0x80) return 0;
  }
  const unsigned second = byte(i + 1);
  if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
      (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F)) {
    return 0;
  }
  return length;
}

// `text` with every line after the first put under `indent`.
std::string Indented(const std::string& text, const std::string& indent) {
  std::string result;
  const std::size_t end = text.find_last_not_of('\n');
  for (char c : text.substr(0, end == std::string::npos ? 0 : end + 1)) {
    result += c;
    if (c == '\n') result += indent;
  }
  return result;
}

std::string Numbers(const Node& node) {
  std::string line = node.visits > 0 ? fmt::format("Q {:+.3f}  N {}", QValue(node), node.visits)
                                     : std::string("not visited");
  if (node.has_ppm) line += fmt::format("  PPM {:+.3f}", node.ppm);
  if (node.samples > 1) line += fmt::format("  ×{}", node.samples);
  return line;
}

std::string Status(const Node& node) {
  if (node.kind == NodeKind::kAnswer) {
    return fmt::format("answer {} — {} ({})", Printable(node.answer),
                       ToString(node.judgement.verdict), Printable(node.judgement.reason));
  }
  if (node.kind == NodeKind::kFailed) return "failed: " + Printable(node.judgement.reason);
  return node.exec_outcome.empty() ? "step" : "step, ran: " + Printable(node.exec_outcome);
}

using Children = std::vector<std::vector<std::int32_t>>;

Children ChildLists(const Tree& tree) {
  Children children(tree.nodes.size());
  for (std::size_t i = 1; i < tree.nodes.size(); ++i) {
    children[tree.nodes[i].parent].push_back(static_cast<std::int32_t>(i));
  }
  return children;
}

void PutSubtree(const Tree& tree, const Children& children, std::int32_t index,
                const std::string& indent, bool last, std::string& text) {
  const Node& node = tree.nodes[index];
  const std::string below = indent + (last ? "   " : "│  ");
  text += fmt::format("{}{} [{}] {}  {}\n", indent, last ? "└─" : "├─", index, Numbers(node),
                      Status(node));
  const std::string margin = below + (children[index].empty() ? "    " : "│   ");
  text += fmt::format("{}{}\n", margin, Indented(Printable(node.text), margin));
  if (!node.output.empty()) {
    text += fmt::format("{}» {}\n", margin, Indented(Printable(node.output), margin + "  "));
  }
  for (std::size_t i = 0; i < children[index].size(); ++i) {
    PutSubtree(tree, children, children[index][i], below, i + 1 == children[index].size(), text);
  }
}

std::string Short(const std::string& digest) {
  return digest.empty() ? "none" : digest.substr(0, 12);
}

ordered_json NodeJson(const Node& node) {
  ordered_json json = {{"parent", node.parent},
                       {"kind", ToString(node.kind)},
                       {"visits", node.visits},
                       {"q", QValue(node)},
                       {"text", Printable(node.text)}};
  if (node.has_ppm) json["ppm"] = node.ppm;
  if (node.samples > 1) json["samples"] = node.samples;
  if (!node.output.empty()) json["output"] = Printable(node.output);
  if (!node.exec_outcome.empty()) json["outcome"] = Printable(node.exec_outcome);
  if (node.kind == NodeKind::kAnswer) {
    json["answer"] = Printable(node.answer);
    json["verdict"] = ToString(node.judgement.verdict);
  }
  if (!node.judgement.reason.empty()) json["reason"] = Printable(node.judgement.reason);
  return json;
}

}  // namespace

const char* ToString(NodeKind kind) {
  switch (kind) {
    case NodeKind::kRoot:
      return "root";
    case NodeKind::kStep:
      return "step";
    case NodeKind::kAnswer:
      return "answer";
    default:
      return "failed";
  }
}

std::string Printable(const std::string& text) {
  std::string result;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = SequenceLength(text, i);
    const auto c = static_cast<unsigned char>(text[i]);
    if (length == 0) {
      result += "\xEF\xBF\xBD";
    } else if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7F) {
      result += fmt::format("\\x{:02x}", c);
    } else {
      result.append(text, i, length);
    }
    i += length == 0 ? 1 : length;
  }
  return result;
}

std::string TreeText(const Tree& tree) {
  std::string text = TreeLine(tree) + "\n";
  text += fmt::format("policy {}  PPM {}  prompt {}  seed {:#x}  {}\n", Short(tree.policy_digest),
                      Short(tree.ppm_digest), Short(tree.prompt_digest), tree.seed, tree.verifier);
  if (tree.nodes.empty()) return text;
  text += "\n" + Indented(Printable(tree.nodes[0].text), "") + "\n";
  const Children children = ChildLists(tree);
  for (std::size_t i = 0; i < children[0].size(); ++i) {
    PutSubtree(tree, children, children[0][i], "", i + 1 == children[0].size(), text);
  }
  return text;
}

std::string TreeLine(const Tree& tree) {
  const VerdictCounts counts = CountVerdicts(tree);
  return fmt::format(
      "{:<24} {:<20} {:<6} {:>3} right {:>3} wrong {:>3} open  {:>5} nodes  {:>7} tokens",
      ToString(tree.key), Printable(tree.problem_id), tree.method, counts.correct, counts.wrong,
      counts.unverifiable, tree.nodes.size(), tree.cost.tokens_generated);
}

ordered_json TreeSummaryJson(const Tree& tree) {
  const VerdictCounts counts = CountVerdicts(tree);
  return {{"key", ToString(tree.key)},
          {"problem", Printable(tree.problem_id)},
          {"method", tree.method},
          {"solved", counts.correct > 0},
          {"correct", counts.correct},
          {"wrong", counts.wrong},
          {"unverifiable", counts.unverifiable},
          {"nodes", tree.nodes.size()},
          {"tokens", tree.cost.tokens_generated},
          {"programs", tree.cost.programs}};
}

ordered_json TreeJson(const Tree& tree) {
  ordered_json json = TreeSummaryJson(tree);
  json["seed"] = tree.seed;
  json["policy_digest"] = tree.policy_digest;
  json["ppm_digest"] = tree.ppm_digest;
  json["prompt_digest"] = tree.prompt_digest;
  json["verifier"] = tree.verifier;
  json["nodes"] = ordered_json::array();
  for (const Node& node : tree.nodes) json["nodes"].push_back(NodeJson(node));
  return json;
}

}  // namespace gradus
