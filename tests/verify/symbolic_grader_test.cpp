#include "verify/symbolic_grader.h"

#include <doctest/doctest.h>

#include <optional>

#include "tests/verify/answers/grader_table.h"
#include "tests/verify/python/executor_bench.h"
#include "verify/answers/expression/parse.h"
#include "verify/answers/sympy_program.h"

using namespace gradus;

namespace {

std::string ProgramFor(const char* a, const char* b) {
  return SympyProgram({{ParseAnswer(TokenizeAnswer(a)), ParseAnswer(TokenizeAnswer(b))}});
}

// Answers every program in the same way, and keeps it.
class FixedExecutor final : public Executor {
 public:
  explicit FixedExecutor(ExecResult result) : result_(std::move(result)) {}
  void Step(Program, const ExecLimits&, std::function<void(ExecResult)>) override {
    FAIL("a verdict must not rest on a step");
  }
  void Check(Program program, const ExecLimits&, std::function<void(ExecResult)> done) override {
    programs.push_back(program.steps.at(0));
    done(result_);
  }
  std::string Version() const override { return "fixed"; }
  Isolation isolation() const override { return {}; }
  std::vector<std::string> programs;

 private:
  ExecResult result_;
};

Judgement GradeWith(FixedExecutor& executor, const char* gold, const char* predicted) {
  const NativeGrade native = GradeNatively(ReadGold(gold), predicted, {});
  if (native.program.empty()) return native.judgement;
  std::optional<Judgement> judgement;
  DecideByAlgebra(executor, native.program, [&](Judgement j) { judgement = std::move(j); });
  REQUIRE(judgement);
  return *judgement;
}

ExecResult Printed(Outcome outcome, const char* output) {
  ExecResult result;
  result.outcome = outcome;
  result.output = output;
  return result;
}

// Needs algebra: the series has no last term.
constexpr const char* kGold = "2";
constexpr const char* kPrediction = "\\sum_{k=0}^{\\infty} \\frac{1}{2^k}";

}  // namespace

TEST_CASE("The program holds no byte of the answers but digits") {
  const std::string program = ProgramFor("evil_{7} + \\os + quit^{3}", "2z");
  CHECK(program.find("evil") == std::string::npos);
  CHECK(program.find("quit") == std::string::npos);
  CHECK(program.find("Integer(7)") != std::string::npos);
}

TEST_CASE("A limit is left to algebra") {
  const std::string program = ProgramFor("\\lim_{x \\to 0} \\frac{\\sin x}{x}", "1");
  CHECK(program.find("Limit(Mul(") != std::string::npos);
}

TEST_CASE("No program is written for what sympy could not hold") {
  CHECK(ProgramFor("x", "(1,2)") == "");
  CHECK(ProgramFor("x", "2^{9999999}") == "");
  CHECK(ProgramFor("x", "9^{9^{9^{9}}}") == "");
  CHECK(ProgramFor("x", "99999!") == "");
  CHECK(SympyProgram({}) == "");
}

TEST_CASE("sympy's word decides, any other outcome leaves the answer open") {
  CHECK(ReadSympyOutput(true, "equal\n").verdict == Verdict::kCorrect);
  CHECK(ReadSympyOutput(true, "different\n").verdict == Verdict::kWrong);
  CHECK(ReadSympyOutput(true, "unknown\n").reason == "symbolic-unknown");
  CHECK(ReadSympyOutput(true, "equal but not really").verdict == Verdict::kUnverifiable);
  CHECK(ReadSympyOutput(false, "equal\n").reason == "symbolic-failed");
}

TEST_CASE("The executor is asked only where the native tiers are open") {
  FixedExecutor executor(Printed(Outcome::kOk, "equal\n"));
  CHECK(GradeWith(executor, "5", "5.0").verdict == Verdict::kCorrect);
  CHECK(GradeWith(executor, "5", "6").verdict == Verdict::kWrong);
  CHECK(executor.programs.empty());
  CHECK(GradeWith(executor, kGold, kPrediction).reason == "symbolic-equal");
  CHECK(executor.programs.size() == 1);
  FixedExecutor slow(Printed(Outcome::kWallTimeout, ""));
  CHECK(GradeWith(slow, kGold, kPrediction).reason == "symbolic-failed");
}

TEST_CASE("sympy in a child process tells equal from different") {
  Bench bench(1, {"sympy"});
  const AnswerPair equal[] = {{"\\sin(x)^2+\\cos(x)^2", "1"},
                              {"\\sqrt{5+2\\sqrt{6}}", "\\sqrt{2}+\\sqrt{3}"},
                              {"\\sum_{k=1}^{n} k", "n(n+1)/2"},
                              {kGold, kPrediction},
                              {"a_{n+1}+f(x)", "f(x)+a_{1+n}"}};
  for (const auto& [a, b] : equal) {
    CAPTURE(std::string(a));
    CHECK(bench.Run(ProgramFor(a, b)).output == "equal\n");
  }
  CHECK(bench.Run(ProgramFor("x^2", "x^3")).output == "different\n");
  CHECK(bench.Run(ProgramFor("a_{n}", "a_{n+1}")).output != "equal\n");
}
