#include "verify/python/python_verifier.h"

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/thread_pool.hpp>
#include <atomic>
#include <exception>
#include <map>
#include <utility>

#include "schemas/base/error.h"
#include "verify/answers/golden_set.h"
#include "verify/python/golden_programs.h"
#include "verify/symbolic_grader.h"

namespace gradus {
namespace {

constexpr std::size_t kGoldsKept = 256;  // Many candidates of one problem come in a row.

// Counts what an executor does, the grader's algebra included.
class CountedExecutor final : public Executor {
 public:
  explicit CountedExecutor(std::unique_ptr<Executor> inner) : inner_(std::move(inner)) {}
  void Step(Program program, const ExecLimits& limits,
            std::function<void(ExecResult)> done) override {
    inner_->Step(std::move(program), limits, Counted(std::move(done)));
  }
  void Check(Program program, const ExecLimits& limits,
             std::function<void(ExecResult)> done) override {
    inner_->Check(std::move(program), limits, Counted(std::move(done)));
  }
  std::string Version() const override { return inner_->Version(); }
  Isolation isolation() const override { return inner_->isolation(); }
  VerifierCounters Counters() const {
    return {programs_.load(), static_cast<double>(cpu_us_.load()) * 1e-6};
  }

 private:
  std::function<void(ExecResult)> Counted(std::function<void(ExecResult)> done) {
    return [this, done = std::move(done)](ExecResult result) {
      programs_.fetch_add(1, std::memory_order_relaxed);
      cpu_us_.fetch_add(static_cast<std::uint64_t>(result.cpu_s * 1e6), std::memory_order_relaxed);
      done(std::move(result));
    };
  }
  std::atomic<std::uint64_t> programs_{0}, cpu_us_{0};
  std::unique_ptr<Executor> inner_;
};

Program ProgramOf(State state) {
  Program program{std::move(state.steps), std::move(state.allowed_steps)};
  if (state.context.empty()) return program;
  if (!program.allowed_steps.empty()) program.allowed_steps.push_back(state.context);
  program.steps.insert(program.steps.begin(), std::move(state.context));
  return program;
}

Report ReportOf(ExecResult result) {
  Report report;
  report.end = EndOf(result.outcome);
  report.outcome = ToString(result.outcome);
  report.shown = std::move(result.output);
  report.value = std::move(result.value);
  report.error = std::move(result.error);
  report.wall_s = result.wall_s;
  report.cpu_s = result.cpu_s;
  return report;
}

class PythonVerifier final : public Verifier {
 public:
  PythonVerifier(asio::io_context& io, const ExecutorOptions& options, GraderMode mode)
      : io_(io), mode_(mode), executor_(MakePythonExecutor(io, options)) {}
  ~PythonVerifier() override {
    *alive_ = false;
    grading_.join();
  }

  void Step(State state, const ExecLimits& limits, std::function<void(Report)> done) override {
    executor_.Step(
        ProgramOf(std::move(state)), limits,
        [done = std::move(done)](ExecResult result) { done(ReportOf(std::move(result))); });
  }

  void Check(State state, const Goal* goal, const ExecLimits& limits,
             std::function<void(Checked)> done) override {
    auto judge = [this, wanted = goal ? std::optional<Goal>(*goal) : std::nullopt,
                  answer = std::move(state.answer), done = std::move(done)](Report report) {
      Judge(wanted, answer, std::move(report), done);
    };
    if (state.steps.empty()) return judge(NothingRan());
    executor_.Check(
        ProgramOf(std::move(state)), limits,
        [judge = std::move(judge)](ExecResult result) { judge(ReportOf(std::move(result))); });
  }

  std::string Identity() const override {
    return GraderVersion(mode_) + "; " + executor_.Version();
  }

  void CheckGolden(asio::io_context& io) override {
    CheckGoldenPrograms(io, executor_);
    if (const auto wrong = CheckGrader()) Fail("the grader does not work here: {}", *wrong);
  }

  VerifierCounters Counters() const override { return executor_.Counters(); }

 private:
  void Judge(const std::optional<Goal>& goal, const std::string& answer, Report report,
             const std::function<void(Checked)>& done) {
    const auto tell = [&](Judgement judgement) { done({std::move(report), std::move(judgement)}); };
    if (!goal) return tell({});
    const auto* wanted = std::get_if<AnswerGoal>(&*goal);
    if (!wanted) return tell({Verdict::kUnverifiable, "goal-not-judged"});
    if (report.end != End::kFine && report.end != End::kRejected) {
      return tell({Verdict::kUnverifiable, report.outcome});
    }
    Grade(wanted->expected, answer, [report = std::move(report), done](Judgement judgement) {
      done({report, std::move(judgement)});
    });
  }

  // Off the loop, which serves programs meanwhile: some answers take milliseconds to compare.
  void Grade(const std::string& expected, const std::string& answer,
             std::function<void(Judgement)> done) {
    asio::post(grading_, [this, expected, answer, alive = alive_, done = std::move(done),
                          work = asio::make_work_guard(io_)]() mutable {
      NativeGrade grade;
      std::exception_ptr failure;  // It ends the loop, as if it had come from there.
      try {
        grade = GradeNatively(GoldOf(expected), answer, {mode_, {}});
      } catch (...) {
        failure = std::current_exception();
      }
      asio::post(
          io_, [this, alive, failure, done = std::move(done), grade = std::move(grade)]() mutable {
            if (!*alive) return;
            if (failure) std::rethrow_exception(failure);
            if (grade.program.empty()) return done(std::move(grade.judgement));
            DecideByAlgebra(executor_, std::move(grade.program), std::move(done));
          });
    });
  }

  // On the grading thread.
  const GoldAnswer& GoldOf(const std::string& expected) {
    const auto known = golds_.find(expected);
    if (known != golds_.end()) return known->second;
    if (golds_.size() >= kGoldsKept) golds_.clear();
    return golds_.emplace(expected, ReadGold(expected)).first->second;
  }

  asio::io_context& io_;
  const GraderMode mode_;
  std::map<std::string, GoldAnswer> golds_;
  CountedExecutor executor_;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  asio::thread_pool grading_{1};
};

}  // namespace

End EndOf(Outcome outcome) {
  switch (outcome) {
    case Outcome::kOk:
      return End::kFine;
    case Outcome::kException:
    case Outcome::kExitCall:
    case Outcome::kSignal:
    case Outcome::kNoResult:
      return End::kRejected;
    case Outcome::kCpuTimeout:
    case Outcome::kWallTimeout:
    case Outcome::kMemoryLimit:
    case Outcome::kOomKill:
    case Outcome::kOutputLimit:
    case Outcome::kKilledUnknown:
      return End::kLimit;
    case Outcome::kProtocolViolation:
      return End::kForged;
    case Outcome::kSandboxError:
      return End::kBroken;
  }
  return End::kBroken;
}

std::unique_ptr<Verifier> MakePythonVerifier(asio::io_context& io, const ExecutorOptions& options,
                                             GraderMode mode) {
  return std::make_unique<PythonVerifier>(io, options, mode);
}

}  // namespace gradus
