#include "orchestrator/rounds/recipe.h"

#include "schemas/base/error.h"
#include "workers/environments/environment.h"

namespace gradus {

void CheckFit(const Config& c) {
  const EnvironmentOptions& e = c.rollout.environment;
  const EnvironmentKind& kind = FindEnvironmentKind(e.kind);
  const std::unique_ptr<Environment> environment = MakeEnvironment(e);
  const VerifierKind& verifier = FindVerifierKind(c.rollout.verifier.kind);
  if (kind.needs_python && !verifier.runs_python) {
    Fail("environment.kind: {} writes Python, which verifier.kind: {} does not run", e.kind,
         verifier.name);
  }
  if (e.prompt.text.find("{problem}") == std::string::npos) {
    Fail("environment.prompt has no {{problem}} in it: the model would not be told what to solve");
  }
  if (c.selection.mask_output && !environment->WorldText()) {
    Fail(
        "selection.mask_output: with environment.kind: {} nothing is written behind a step, so "
        "there is nothing to mask",
        e.kind);
  }
  if (e.shots > 0 && e.examples.empty()) {
    Fail("environment.shots: {} examples are asked for, but environment.examples names no file",
         e.shots);
  }
  const bool one_step = environment->Stops().empty();
  if (one_step && c.ppm.enabled && !c.selection.final_answer_pairs) {
    Fail(
        "ppm.enabled: in this environment a trajectory is one step, so there are no sibling pairs; "
        "set selection.final_answer_pairs: true, or ppm.enabled: false");
  }
  verifier.check(c.rollout.verifier);  // Last, since it may start processes.
}

void CheckGoals(const Config& c, const std::string& file, const std::vector<Problem>& problems) {
  const VerifierKind& verifier = FindVerifierKind(c.rollout.verifier.kind);
  for (const Problem& problem : problems) {
    if (verifier.judges(problem.goal)) continue;
    Fail("{}: problem {} has a goal of kind {}, which verifier.kind: {} does not judge", file,
         problem.id, KindOf(problem.goal), verifier.name);
  }
}

std::string DescribeRecipe(const Config& c) {
  return fmt::format("{}, verified by {}, searched by {}{}", c.rollout.environment.kind,
                     c.rollout.verifier.kind, ToString(c.rollout.search.method.At(1)),
                     c.ppm.enabled ? ", with a process preference model" : "");
}

}  // namespace gradus
