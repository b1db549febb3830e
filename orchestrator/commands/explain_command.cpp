#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>

#include "orchestrator/commands/commands.h"
#include "orchestrator/inspect/provenance.h"
#include "orchestrator/inspect/tree_view.h"

namespace gradus {
namespace {

using nlohmann::ordered_json;

struct ExplainOptions {
  std::string run, row;
  bool pairs = false, json = false;
};

ordered_json StepJson(const Tree& tree, std::int32_t index) {
  const Node& node = tree.nodes[index];
  ordered_json json = {{"node", index},
                       {"q", QValue(node)},
                       {"visits", node.visits},
                       {"text", Printable(node.text)}};
  if (node.has_ppm) json["ppm"] = node.ppm;
  if (!node.exec_outcome.empty()) json["outcome"] = node.exec_outcome;
  if (!node.output.empty()) json["output"] = Printable(node.output);
  return json;
}

// The answer the path ends in, for a row that is a whole trajectory.
void PutAnswer(const Tree& tree, std::int32_t node, ordered_json& json) {
  if (tree.nodes[node].kind != NodeKind::kAnswer) return;
  json["answer"] = Printable(tree.nodes[node].answer);
  json["verdict"] = ToString(tree.nodes[node].judgement.verdict);
  json["reason"] = Printable(tree.nodes[node].judgement.reason);
}

ordered_json SourceJson(const Provenance& source) {
  ordered_json json = {{"problem", source.origin.problem_id}};
  if (source.problem) {
    json["problem_text"] = Printable(source.problem->problem);
    json["gold"] = Printable(source.problem->answer);
  }
  if (source.demonstration) {
    json["demonstration"] = source.origin.key.problem;
    return json;
  }
  const Tree& tree = source.found->tree;
  json["shard"] = source.found->source;
  json["key"] = ToString(source.origin.key);
  json["node"] = source.origin.node;
  json["path"] = source.path;
  PutAnswer(tree, source.origin.node, json);
  json["method"] = tree.method;
  json["seed"] = tree.seed;
  json["policy_digest"] = tree.policy_digest;
  json["ppm_digest"] = tree.ppm_digest;
  json["prompt_digest"] = tree.prompt_digest;
  json["verifier"] = tree.verifier;
  json["prompt"] = Printable(tree.nodes[0].text);
  json["tokens_match"] = source.tokens_match;
  json["steps"] = ordered_json::array();
  for (std::int32_t i : source.path) json["steps"].push_back(StepJson(tree, i));
  return json;
}

ordered_json RowJson(const RunView& run, const RowName& name) {
  const SftStory story = ExplainSft(run, name);
  const auto& mask = story.row.mask;
  ordered_json json = {{"file", run.files.Sft(name.round).string()},
                       {"row", name.index},
                       {"mean_q", story.row.mean_q},
                       {"level", story.row.level},
                       {"tokens", story.row.tokens.size()},
                       {"loss_tokens", std::count(mask.begin(), mask.end(), 1)}};
  json["source"] = SourceJson(story.source);
  return json;
}

ordered_json PairJson(const RunView& run, const RowName& name) {
  const PairStory story = ExplainPair(run, name);
  const PreferencePair& pair = story.pair;
  ordered_json json = {{"file", run.files.Pairs(name.round).string()},
                       {"row", name.index},
                       {"final_step", pair.final_step},
                       {"prefix_tokens", pair.prefix.size()},
                       {"weight", 1.0 / (static_cast<double>(pair.n_pos) * pair.n_neg)},
                       {"q_chosen", pair.q_chosen},
                       {"q_rejected", pair.q_rejected}};
  json["chosen"] = SourceJson(story.chosen);
  json["rejected"] = SourceJson(story.rejected);
  return json;
}

std::string Scalar(const ordered_json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_float()) return fmt::format("{:.4f}", value.get<double>());
  return value.dump();
}

// Multi-line values continue under their first line.
std::string Line(const std::string& name, const std::string& value) {
  std::string text = fmt::format("  {:<14} ", name);
  for (char c : value) {
    text += c;
    if (c == '\n') text += std::string(17, ' ');
  }
  return text + "\n";
}

std::string StepText(const ordered_json& step, std::size_t number) {
  std::string head =
      fmt::format("  step {}  node {}  Q {:+.3f}  N {}", number, step["node"].get<int>(),
                  step["q"].get<double>(), step["visits"].get<unsigned>());
  if (step.contains("ppm")) head += fmt::format("  PPM {:+.3f}", step["ppm"].get<double>());
  if (step.contains("outcome")) head += "  ran: " + step["outcome"].get<std::string>();
  std::string text = head + "\n" + Line("", step["text"].get<std::string>());
  if (step.contains("output")) text += Line("»", step["output"].get<std::string>());
  return text;
}

// The JSON form as indented lines.
std::string Readable(const ordered_json& json) {
  std::string text;
  for (const auto& [name, value] : json.items()) {
    if (value.is_object()) {
      text += "\n" + name + "\n" + Readable(value);
    } else if (name == "steps") {
      text += "\n";
      for (std::size_t i = 0; i < value.size(); ++i) text += StepText(value[i], i + 1);
    } else {
      text += Line(name, Scalar(value));
    }
  }
  return text;
}

void Explain(const ExplainOptions& options) {
  const RunView run = ReadRun(options.run);
  const RowName name = ParseRowName(options.row);
  const ordered_json json = options.pairs ? PairJson(run, name) : RowJson(run, name);
  const std::string text = options.json ? json.dump() + "\n" : Readable(json);
  std::fwrite(text.data(), 1, text.size(), stdout);
}

}  // namespace

void AddExplainCommand(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("explain", "Where a training row came from: tree, seed, models, verdict");
  auto options = std::make_shared<ExplainOptions>();
  command->add_option("RUN", options->run, "Run directory")->required();
  command->add_option("ROW", options->row, "r<round>:<row> of selection/sft.h5, such as r2:0")
      ->required();
  command->add_flag("--pairs", options->pairs, "ROW is of selection/pairs.h5");
  command->add_flag("--json", options->json, "One JSON object");
  command->callback([options, &exit_code] {
    Explain(*options);
    exit_code = 0;
  });
}

}  // namespace gradus
