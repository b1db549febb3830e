#include "verify/verifier_kind.h"

#include "schemas/base/error.h"
#include "schemas/base/settings.h"

namespace gradus {

void Bind(Settings& s, VerifierOptions& o) {
  s.Field("kind", o.kind,
          "what runs steps and judges answers: python, or command (your own checker)");
  s.Choice("grader", o.grader,
           {{"strict", GraderMode::kStrict},
            {"rstar_math", GraderMode::kRstarMath},
            {"tora", GraderMode::kTora},
            {"hendrycks", GraderMode::kHendrycks}},
           "whose rules judge answers: strict is safe to label with, the others imitate published "
           "graders");
}

const VerifierKind& FindVerifierKind(const std::string& name) {
  std::string known;
  for (const VerifierKind& kind : VerifierKinds()) {
    if (kind.name == name) return kind;
    known += fmt::format("{}{} ({})", known.empty() ? "" : ", ", kind.name, kind.about);
  }
  Fail("unknown verifier.kind '{}'; known: {}", name, known);
}

}  // namespace gradus
