#include <asio/io_context.hpp>

#include "verify/command/command_verifier.h"
#include "verify/python/python_verifier.h"
#include "verify/verifier_kind.h"

namespace gradus {
namespace {

bool JudgesAll(const Goal&) { return true; }

bool JudgesAnswers(const Goal& goal) { return std::holds_alternative<AnswerGoal>(goal); }

void CheckPython(const VerifierOptions& options) { CheckLevel(options.python.level); }
// Tried for real: what fails here would fail on every worker.
void CheckCommand(const VerifierOptions& options) {
  asio::io_context io;
  MakeCommandVerifier(io, options.command)->CheckGolden(io);
}

std::unique_ptr<Verifier> MakePython(asio::io_context& io, const VerifierOptions& options) {
  return MakePythonVerifier(io, options.python, options.grader);
}

std::unique_ptr<Verifier> MakeCommand(asio::io_context& io, const VerifierOptions& options) {
  return MakeCommandVerifier(io, options.command);
}

ExecLimits PythonLimits(const VerifierOptions& options) { return options.python.limits; }
ExecLimits CommandLimits(const VerifierOptions& options) { return options.command.limits; }

}  // namespace

const std::vector<VerifierKind>& BuiltInVerifierKinds() {
  static const std::vector<VerifierKind> kinds = {
      {"python", "confined Python, and gradus's grader", true, JudgesAnswers, CheckPython,
       MakePython, PythonLimits},
      {"command", "your own checker", true, JudgesAll, CheckCommand, MakeCommand, CommandLimits},
  };
  return kinds;
}

}  // namespace gradus
