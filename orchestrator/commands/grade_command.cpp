#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "orchestrator/commands/commands.h"
#include "schemas/base/error.h"
#include "verify/grader.h"
#include "verify/grader_lines.h"

namespace gradus {
namespace {

using Json = nlohmann::ordered_json;

struct GradeArguments {
  std::string mode = "strict";
  std::string golds;
};

void GradeStdin(GraderMode mode) {
  std::string text;
  for (int line = 1; std::getline(std::cin, text); ++line) {
    if (text.find_first_not_of(" \t\r") == std::string::npos) continue;
    const Judgement judgement = GradeLine(text, line, mode);
    const Json json = {{"verdict", ToString(judgement.verdict)}, {"reason", judgement.reason}};
    const std::string out = json.dump() + "\n";
    std::fwrite(out.data(), 1, out.size(), stdout);
    std::fflush(stdout);
  }
}

// Prints the golds of a problem file that nothing can be compared with.
void CheckGolds(const std::string& path) {
  std::ifstream file(path);
  if (!file) Fail("{}: cannot be read", path);
  const GoldReport report = CheckGoldLines(file, path);
  for (const GoldProblemLine& bad : report.bad) {
    const Json json = {{"id", bad.id}, {"answer", bad.answer}, {"problem", bad.problem}};
    std::printf("%s\n", json.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
  }
  std::fprintf(stderr, "%d golds, %zu of no use\n", report.golds, report.bad.size());
}

}  // namespace

void AddGradeCommand(CLI::App& app, int& exit_code) {
  auto* command = app.add_subcommand(
      "grade",
      "Compares answers: JSON lines {\"gold\",\"pred\"[,\"kind\":\"pair\"|\"text\"][,\"opts\"]} on "
      "stdin, one verdict a line on stdout, in order");
  const auto arguments = std::make_shared<GradeArguments>();
  command->add_option("--mode", arguments->mode, "strict, rstar_math, tora or hendrycks")
      ->capture_default_str();
  command->add_option("--check-golds", arguments->golds,
                      "Lists the answers of a problem file that cannot be graded against");
  command->callback([&exit_code, arguments] {
    if (arguments->golds.empty()) {
      GradeStdin(ReadGraderMode(arguments->mode));
    } else {
      CheckGolds(arguments->golds);
    }
    exit_code = static_cast<int>(ExitCode::kDone);
  });
}

}  // namespace gradus
