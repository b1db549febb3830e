#include <CLI/CLI.hpp>
#include <cstdio>

#include "orchestrator/commands/commands.h"
#include "orchestrator/launch/launch.h"
#include "schemas/base/error.h"

namespace {

int RunProgram(int argc, char** argv) {
  CLI::App app{"gradus trains a reasoning model by expert iteration on a cluster."};
  app.require_subcommand(1);
  int exit_code = 0;
  for (auto add : {gradus::AddRunCommand, gradus::AddStatusCommand, gradus::AddReportCommand,
                   gradus::AddInspectCommand, gradus::AddExplainCommand, gradus::AddFsckCommand,
                   gradus::AddEvalCommand, gradus::AddGradeCommand, gradus::AddExecCommand,
                   gradus::AddTokenizeCommand, gradus::AddGenerateCommand, gradus::AddTrainCommand,
                   gradus::AddDoctorCommand, gradus::AddBenchCommand}) {
    add(app, exit_code);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(gradus::ExitCode::kBadInput);
  } catch (const gradus::Error& error) {
    std::fprintf(stderr, "gradus: %s\n", error.what());
    return static_cast<int>(error.code());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "gradus: internal error: %s\n", error.what());
    return static_cast<int>(gradus::ExitCode::kInternal);
  }
  return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  const int code = RunProgram(argc, argv);
  return gradus::LauncherRank() == 0 ? gradus::LeaveExitCode(code) : code;
}
