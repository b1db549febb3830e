#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "orchestrator/commands/commands.h"
#include "orchestrator/inspect/run_reader.h"
#include "orchestrator/inspect/tree_view.h"
#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "schemas/files/shard.h"

namespace gradus {
namespace {

using nlohmann::ordered_json;

struct InspectOptions {
  std::string path, problem, key;
  int round = -1;
  int limit = 0;
  bool tree = false, json = false;
};

// Prints what matches; with --tree whole trees.
class TreePrinter {
 public:
  explicit TreePrinter(const InspectOptions& options) : options_(options) {}

  // False once the limit is reached.
  bool Visit(const Tree& tree, const std::string& source) {
    if (!options_.problem.empty() && tree.problem_id != options_.problem) return true;
    if (!options_.key.empty() && ToString(tree.key) != options_.key) return true;
    Print(tree, source);
    return ++shown_ != options_.limit;
  }
  int shown() const { return shown_; }

 private:
  void Print(const Tree& tree, const std::string& source) const {
    std::string text;
    if (options_.json) {
      ordered_json json = options_.tree ? TreeJson(tree) : TreeSummaryJson(tree);
      json["source"] = source;
      text = json.dump() + "\n";
    } else {
      text = options_.tree ? TreeText(tree) + "\n" : TreeLine(tree) + "  " + source + "\n";
    }
    std::fwrite(text.data(), 1, text.size(), stdout);
  }

  const InspectOptions& options_;
  int shown_ = 0;
};

void VisitRun(const InspectOptions& options, TreePrinter& printer) {
  const RunView run = ReadRun(options.path);
  bool go_on = true;
  const auto visit = [&](const Tree& tree, const std::string& source) {
    go_on = printer.Visit(tree, source);
    return go_on;
  };
  if (options.round >= 0) return VisitTrees(run, run.Round(options.round), visit);
  for (const RoundView& round : run.rounds) {
    if (go_on) VisitTrees(run, round, visit);
  }
}

void Inspect(InspectOptions options) {
  // A whole tree fills the screen: without another word, one of them.
  if (options.limit == 0 && options.tree) options.limit = 1;
  TreePrinter printer(options);
  if (fs::is_directory(options.path)) {
    VisitRun(options, printer);
  } else {
    const std::string name = fs::path(options.path).filename().string();
    for (const Tree& tree : ReadShard(options.path)) {
      if (options.round >= 0 && static_cast<int>(tree.key.round) != options.round) continue;
      if (!printer.Visit(tree, name)) break;
    }
  }
  if (printer.shown() == 0) {
    Fail("{}: no tree matches; list what is there with gradus inspect {}", options.path,
         options.path);
  }
}

}  // namespace

void AddInspectCommand(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("inspect", "Lists and prints the search trees of a run or a shard");
  auto options = std::make_shared<InspectOptions>();
  command->add_option("PATH", options->path, "Run directory or shard file")->required();
  command->add_option("--round", options->round, "Only this round")->check(CLI::NonNegativeNumber);
  command->add_option("--problem", options->problem, "Only this problem id");
  command->add_option("--key", options->key, "Only this key, such as r1/rollout/p17/a0");
  command->add_flag("--tree", options->tree, "Print whole trees (one, unless --limit says more)");
  command->add_option("--limit", options->limit, "At most so many trees; 0: all")
      ->check(CLI::NonNegativeNumber);
  command->add_flag("--json", options->json, "One JSON object per tree and line");
  command->callback([options, &exit_code] {
    Inspect(*options);
    exit_code = 0;
  });
}

}  // namespace gradus
