#include "verify/python/python_verifier.h"
#include "verify/verifier_kind.h"

namespace gradus {
namespace {

bool JudgesAnswers(const Goal& goal) { return std::holds_alternative<AnswerGoal>(goal); }

std::unique_ptr<Verifier> MakePython(asio::io_context& io, const VerifierOptions& options) {
  return MakePythonVerifier(io, options.python, options.grader);
}

}  // namespace

const std::vector<VerifierKind>& BuiltInVerifierKinds() {
  static const std::vector<VerifierKind> kinds = {
      {"python", "confined Python, and gradus's grader", true, JudgesAnswers, MakePython},
  };
  return kinds;
}

}  // namespace gradus
