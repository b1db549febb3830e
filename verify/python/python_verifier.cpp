#include "verify/python/python_verifier.h"

#include <atomic>

#include "schemas/base/error.h"
#include "verify/answers/golden_set.h"
#include "verify/python/golden_programs.h"
#include "verify/symbolic_grader.h"

namespace gradus {
namespace {

End EndOf(Outcome outcome) {
  switch (outcome) {
    case Outcome::kOk:
      return End::kFine;
    case Outcome::kException:
    case Outcome::kExitCall:
    case Outcome::kSignal:
    case Outcome::kNoResult:
      return End::kRejected;
    case Outcome::kProtocolViolation:
      return End::kForged;
    case Outcome::kSandboxError:
      return End::kBroken;
    default:
      return End::kLimit;
  }
}

Report ReportOf(ExecResult result) {
  return {EndOf(result.outcome),
          ToString(result.outcome),
          std::move(result.output),
          std::move(result.value),
          std::move(result.error),
          result.wall_s,
          result.cpu_s};
}

class PythonVerifier final : public Verifier {
 public:
  PythonVerifier(asio::io_context& io, const ExecutorOptions& options, GraderMode grader)
      : executor_(MakePythonExecutor(io, options)), grader_(grader) {}

  void Step(State state, const ExecLimits& limits, std::function<void(Report)> done) override {
    executor_->Step({std::move(state.steps), std::move(state.allowed_steps)}, limits,
                    [this, done = std::move(done)](ExecResult r) { done(Counted(std::move(r))); });
  }

  void Check(State state, const Goal* goal, const ExecLimits& limits,
             std::function<void(Checked)> done) override {
    auto judge = [this, goal = goal ? std::optional<Goal>(*goal) : std::nullopt,
                  answer = std::move(state.answer), done = std::move(done)](Report report) {
      if (!goal) return done({std::move(report), {}});
      const auto* expected = std::get_if<AnswerGoal>(&*goal);
      if (!expected) {
        return done({std::move(report), {Verdict::kUnverifiable, "goal-not-judged"}});
      }
      GradeWithAlgebra(*executor_, ReadGold(expected->expected), answer, {grader_, {}},
                       [done, report = std::move(report)](Judgement judgement) {
                         done({report, std::move(judgement)});
                       });
    };
    if (state.steps.empty()) return judge({End::kFine, "", "", {}, "", 0, 0});
    executor_->Check(
        {std::move(state.steps), std::move(state.allowed_steps)}, limits,
        [this, judge = std::move(judge)](ExecResult r) { judge(Counted(std::move(r))); });
  }

  std::string Identity() const override {
    return GraderVersion(grader_) + "; " + executor_->Version();
  }

  void CheckGolden(asio::io_context& io) override {
    CheckGoldenPrograms(io, *executor_);
    if (const auto wrong = CheckGrader()) Fail("the grader does not work here: {}", *wrong);
  }

  VerifierCounters Counters() const override {
    return {programs_, static_cast<double>(cpu_us_) * 1e-6};
  }

 private:
  Report Counted(ExecResult result) {
    programs_.fetch_add(1, std::memory_order_relaxed);
    cpu_us_.fetch_add(static_cast<std::uint64_t>(result.cpu_s * 1e6), std::memory_order_relaxed);
    return ReportOf(std::move(result));
  }

  std::unique_ptr<Executor> executor_;
  const GraderMode grader_;
  std::atomic<std::uint64_t> programs_{0}, cpu_us_{0};
};

}  // namespace

std::unique_ptr<Verifier> MakePythonVerifier(asio::io_context& io, const ExecutorOptions& options,
                                             GraderMode grader) {
  return std::make_unique<PythonVerifier>(io, options, grader);
}

}  // namespace gradus
