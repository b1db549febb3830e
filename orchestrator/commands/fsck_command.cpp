#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "orchestrator/commands/commands.h"
#include "orchestrator/inspect/fsck.h"

namespace gradus {
namespace {

using nlohmann::ordered_json;

struct FsckArguments {
  std::string run;
  bool digest = false, json = false, fast = false;
};

ordered_json ToJson(const FsckReport& report) {
  ordered_json page = {{"ok", report.findings.empty()}, {"rounds", ordered_json::array()}};
  for (const FsckRound& round : report.rounds) {
    page["rounds"].push_back({{"round", round.round},
                              {"published", round.published},
                              {"content_digest", round.content_digest}});
  }
  page["findings"] = ordered_json::array();
  for (const FsckFinding& finding : report.findings) {
    page["findings"].push_back(
        {{"file", finding.file}, {"what", finding.what}, {"remedy", finding.remedy}});
  }
  page["notes"] = report.notes;
  page["files"] = report.files;
  page["shards"] = report.shards;
  page["trees"] = report.trees;
  page["records"] = report.records;
  return page;
}

void PrintFindings(const FsckReport& report, std::FILE* to) {
  for (const FsckFinding& finding : report.findings) {
    fmt::print(to, "{}: {}; {}\n", finding.file, finding.what, finding.remedy);
  }
}

void PrintSummary(const FsckReport& report) {
  for (const std::string& note : report.notes) fmt::print("note: {}\n", note);
  PrintFindings(report, stdout);
  fmt::print("{} rounds, {} files, {} shards with {} trees, {} ledger records: {}\n",
             report.rounds.size(), report.files, report.shards, report.trees, report.records,
             report.findings.empty() ? "no damage"
                                     : fmt::format("{} problems found", report.findings.size()));
}

void Fsck(const FsckArguments& arguments, int& exit_code) {
  const FsckReport report =
      CheckRun(RunFiles{arguments.run}, arguments.fast ? FsckDepth::kFast : FsckDepth::kFull);
  if (arguments.json) {
    fmt::print("{}\n", ToJson(report).dump(1, ' ', false, ordered_json::error_handler_t::replace));
  } else if (arguments.digest) {
    for (const FsckRound& round : report.rounds) {
      if (!round.content_digest.empty()) fmt::print("{} {}\n", round.round, round.content_digest);
    }
    PrintFindings(report, stderr);
  } else {
    PrintSummary(report);
  }
  exit_code = report.findings.empty() ? 0 : 1;
}

}  // namespace

void AddFsckCommand(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<FsckArguments>();
  CLI::App* command = app.add_subcommand(
      "fsck", "Verify every hash of a run directory and the ledger's arithmetic");
  command->add_option("RUN", arguments->run, "Run directory")->required();
  command->add_flag(
      "--digest", arguments->digest,
      "Print one line a round: its number and the digest of its content, without times and hosts");
  command->add_flag("--fast", arguments->fast, "Check the manifests only; read no other file");
  command->add_flag("--json", arguments->json, "Print the report as JSON");
  command->footer("Exit 0: no damage. 1: damage found. 2: not a run directory.");
  command->callback([arguments, &exit_code] { Fsck(*arguments, exit_code); });
}

}  // namespace gradus
