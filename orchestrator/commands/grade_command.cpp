#include <CLI/CLI.hpp>
#include <asio/io_context.hpp>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "orchestrator/commands/commands.h"
#include "schemas/base/error.h"
#include "verify/answers/grader.h"
#include "verify/answers/grader_lines.h"
#include "verify/python/python_executor.h"
#include "verify/symbolic_grader.h"

namespace gradus {
namespace {

using Json = nlohmann::ordered_json;

struct GradeArguments {
  std::string mode = "strict";
  std::string golds;
  std::string level = "auto";
};

// Algebra in the sandbox, whose interpreter starts when the first pair needs it.
class Algebra {
 public:
  explicit Algebra(const std::string& level) { options_.level = level; }

  Judgement Decide(std::string program) {
    if (!executor_) executor_ = MakePythonExecutor(io_, options_);
    Judgement judgement;
    DecideByAlgebra(*executor_, std::move(program), [&](Judgement j) { judgement = std::move(j); });
    io_.restart();
    io_.run();
    return judgement;
  }

 private:
  asio::io_context io_;
  ExecutorOptions options_;
  std::unique_ptr<Executor> executor_;
};

void GradeStdin(GraderMode mode, Algebra& algebra) {
  std::string text;
  for (int line = 1; std::getline(std::cin, text); ++line) {
    if (text.find_first_not_of(" \t\r") == std::string::npos) continue;
    NativeGrade grade = GradeLine(text, line, mode);
    const Judgement judgement = grade.program.empty() ? std::move(grade.judgement)
                                                      : algebra.Decide(std::move(grade.program));
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
  command->add_option("--level", arguments->level, "Isolation of the programs that do algebra")
      ->check(CLI::IsMember({"auto", "L3", "L2", "L1", "L0"}))
      ->capture_default_str();
  command->add_option("--check-golds", arguments->golds,
                      "Lists the answers of a problem file that cannot be graded against");
  command->callback([&exit_code, arguments] {
    if (arguments->golds.empty()) {
      Algebra algebra(arguments->level);
      GradeStdin(ReadGraderMode(arguments->mode), algebra);
    } else {
      CheckGolds(arguments->golds);
    }
    exit_code = static_cast<int>(ExitCode::kDone);
  });
}

}  // namespace gradus
