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

}  // namespace gradus
