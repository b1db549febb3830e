#include "verify/python/python_verifier.h"

#include <doctest/doctest.h>

#include <asio/io_context.hpp>

using namespace gradus;

namespace {

const ExecLimits kLimits{.wall_s = 10, .cpu_s = 8, .mem_mb = 256, .out_kb = 4};

struct Bench {
  Bench() {
    ExecutorOptions options;
    options.preload = {};
    verifier = MakePythonVerifier(io, options, GraderMode::kStrict);
  }
  void Drive() {
    io.restart();
    io.run();
  }
  Report Step(State state) {
    Report report;
    int calls = 0;
    verifier->Step(std::move(state), kLimits, [&](Report r) { report = std::move(r), ++calls; });
    Drive();
    CHECK(calls == 1);
    return report;
  }
  Checked Check(State state, const Goal* goal, const ExecLimits& limits = kLimits) {
    Checked checked;
    int calls = 0;
    verifier->Check(std::move(state), goal, limits,
                    [&](Checked c) { checked = std::move(c), ++calls; });
    Drive();
    CHECK(calls == 1);
    return checked;
  }
  asio::io_context io;
  std::unique_ptr<Verifier> verifier;
};

State Steps(std::vector<std::string> steps, std::string answer = "") {
  State state;
  state.steps = std::move(steps);
  state.answer = std::move(answer);
  return state;
}

}  // namespace

TEST_CASE("A step and a check tell the same of a program") {
  Bench bench;
  const State state = Steps({"x = 6", "print(x * 7)\nx + 1"});
  for (const Report& report : {bench.Step(state), bench.Check(state, nullptr).report}) {
    CHECK(report.end == End::kFine);
    CHECK(report.outcome == "ok");
    CHECK(report.shown == "42\n");
    CHECK(report.value == "7");
    CHECK(report.error.empty());
  }
  CHECK(bench.verifier->Counters().programs == 2);
  CHECK(bench.verifier->Counters().cpu_s > 0);
}

TEST_CASE("Every way to fail has its end, and only what ran to its own end is graded") {
  Bench bench;
  const Goal goal = AnswerGoal{"42"};
  const ExecLimits brief{.wall_s = 0.3, .cpu_s = 8, .mem_mb = 256, .out_kb = 4};
  const struct {
    const char* program;
    End end;
    const char* outcome;
    Judgement judgement;
  } cases[] = {
      {"print(1)", End::kFine, "ok", {Verdict::kCorrect, "identical"}},
      {"1 / 0", End::kRejected, "exception", {Verdict::kCorrect, "identical"}},
      {"raise SystemExit", End::kRejected, "exit_call", {Verdict::kCorrect, "identical"}},
      {"while True: pass", End::kLimit, "wall_timeout", {Verdict::kUnverifiable, "wall_timeout"}},
      {"print('x' * 9000)", End::kLimit, "output_limit", {Verdict::kUnverifiable, "output_limit"}},
  };
  for (const auto& one : cases) {
    CAPTURE(one.program);
    const Checked checked = bench.Check(Steps({one.program}, "42"), &goal, brief);
    CHECK(checked.report.end == one.end);
    CHECK(checked.report.outcome == one.outcome);
    CHECK(checked.judgement.verdict == one.judgement.verdict);
    CHECK(checked.judgement.reason == one.judgement.reason);
  }
}

TEST_CASE("Without steps nothing runs, and the answer is judged all the same") {
  Bench bench;
  const Goal goal = AnswerGoal{"\\frac{1}{2}"};
  const Checked right = bench.Check(Steps({}, "0.5"), &goal);
  CHECK(right.report.end == End::kFine);
  CHECK(right.report.outcome == "ok");
  CHECK(right.judgement.verdict == Verdict::kCorrect);
  CHECK(bench.Check(Steps({}, "0.6"), &goal).judgement.verdict == Verdict::kWrong);
  CHECK(bench.Check(Steps({}, "0.6"), nullptr).judgement.verdict == Verdict::kUnverifiable);
  CHECK(bench.verifier->Counters().programs == 0);
}

TEST_CASE("A goal that Python cannot judge is unverifiable") {
  Bench bench;
  for (const Goal& goal :
       {Goal(TheoremGoal{"s", "", {}}), Goal(TestsGoal{{{"", ""}}, ""}), Goal(ExternalGoal{"1"})}) {
    const Checked checked = bench.Check(Steps({"x = 1"}, "1"), &goal);
    CHECK(checked.report.end == End::kFine);
    CHECK(checked.judgement.verdict == Verdict::kUnverifiable);
    CHECK(checked.judgement.reason == "goal-not-judged");
  }
}

TEST_CASE("The context runs before the steps and is allowed whatever they may be") {
  Bench bench;
  State state = Steps({"print(x)"});
  state.context = "x = 5";
  state.allowed_steps = {"print(x)"};
  CHECK(bench.Check(state, nullptr).report.shown == "5\n");
  state.steps = {"print(x)", "y = 1"};
  CHECK(bench.Step(state).end == End::kRejected);
}

TEST_CASE("The identity names grader, mode, interpreter and level; the golden cases pass") {
  Bench bench;
  const std::string identity = bench.verifier->Identity();
  CHECK(identity.starts_with(GraderVersion(GraderMode::kStrict) + "; python 3"));
  CHECK(identity.find("; L") != std::string::npos);
  bench.verifier->CheckGolden(bench.io);
}
