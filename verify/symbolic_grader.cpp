#include "verify/symbolic_grader.h"

#include <utility>

#include "verify/answers/sympy_program.h"

namespace gradus {

void GradeWithAlgebra(Executor& executor, const GoldAnswer& gold, std::string_view predicted,
                      const GradeOptions& options, std::function<void(Judgement)> done) {
  NativeGrade native = GradeNatively(gold, predicted, options);
  if (native.program.empty()) {
    done(std::move(native.judgement));
    return;
  }
  Program program;
  program.steps = {std::move(native.program)};
  executor.Check(std::move(program), AlgebraLimits(), [done = std::move(done)](ExecResult result) {
    done(ReadSympyOutput(result.outcome == Outcome::kOk, result.output));
  });
}

}  // namespace gradus
