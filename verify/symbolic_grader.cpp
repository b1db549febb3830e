#include "verify/symbolic_grader.h"

#include <utility>

#include "verify/answers/sympy_program.h"

namespace gradus {

void DecideByAlgebra(Executor& executor, std::string program, std::function<void(Judgement)> done) {
  executor.Check({{std::move(program)}, {}}, AlgebraLimits(),
                 [done = std::move(done)](const ExecResult& result) {
                   done(ReadSympyOutput(result.outcome == Outcome::kOk, result.output));
                 });
}

void GradeWithAlgebra(Executor& executor, const GoldAnswer& gold, std::string_view predicted,
                      const GradeOptions& options, std::function<void(Judgement)> done) {
  NativeGrade native = GradeNatively(gold, predicted, options);
  if (native.program.empty()) return done(std::move(native.judgement));
  DecideByAlgebra(executor, std::move(native.program), std::move(done));
}

}  // namespace gradus
