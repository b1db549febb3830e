#include "workers/environments/answer_only.h"
#include "workers/environments/environment.h"
#include "workers/environments/python_steps.h"

namespace gradus {

const std::vector<EnvironmentKind>& BuiltInEnvironmentKinds() {
  static const std::vector<EnvironmentKind> kinds = {
      {"python_steps", "Python step by step, then a boxed answer", true, MakePythonSteps},
      {"answer_only", "reasoning in words, then an answer", false, MakeAnswerOnly},
  };
  return kinds;
}

}  // namespace gradus
