// Straight-line arithmetic in the shared process gives what a process of its own gives.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <asio/io_context.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "schemas/base/seed.h"
#include "tests/verify/python/executor_bench.h"
#include "verify/python/calculator.h"

using namespace gradus;

namespace {

void AwaitReady(Calculator& calculator) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!calculator.ready()) {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    std::this_thread::yield();
  }
}

// Asks a calculator without any other isolation than limits: it must refuse by itself.
class Asked {
 public:
  Asked() : calculator_(io_, 0) { AwaitReady(calculator_); }
  std::optional<Calculator::Shown> operator()(const std::string& text) {
    std::optional<Calculator::Shown> answer;
    int calls = 0;
    calculator_.Run({{text}, {}}, [&](std::optional<Calculator::Shown> shown) {
      answer = std::move(shown);
      ++calls;
    });
    REQUIRE(calls == 0);
    io_.restart();
    io_.run();
    REQUIRE(calls == 1);
    return answer;
  }

 private:
  asio::io_context io_;
  Calculator calculator_;
};

// Expressions over what was assigned so far, failures among them.
class Writer {
 public:
  explicit Writer(Seed seed) : random_(seed) {}
  Program Write() {
    Program program;
    names_ = 0;
    const int steps = 1 + Pick(5);
    for (int i = 0; i < steps; ++i) program.steps.push_back(Step());
    return program;
  }

 private:
  int Pick(int below) { return static_cast<int>(random_.Below(static_cast<std::uint64_t>(below))); }
  std::string Number() {
    switch (Pick(6)) {
      case 0:
        return std::to_string(Pick(5));
      case 1:
        return fmt::format("{}.{}", Pick(100), Pick(1000));
      case 2:
        return fmt::format("{}e{}", Pick(9), Pick(320));
      case 3:
        return std::to_string(Pick(1 << 30)) + std::to_string(Pick(1 << 30));
      default:
        return names_ > 0 ? fmt::format("v{}", Pick(names_)) : "7";
    }
  }
  std::string Expression(int depth) {
    if (depth == 0) return Number();
    static const char* const kOperators[] = {"+", "-", "*", "/", "//", "%"};
    switch (Pick(8)) {
      case 0:
        return fmt::format("({})**{}", Expression(depth - 1), Pick(6));
      case 1:
        return fmt::format("-{}", Expression(depth - 1));
      case 2:
        return fmt::format("round({}, {})", Expression(depth - 1), Pick(4));
      case 3:
        return fmt::format("max({}, {})", Expression(depth - 1), Number());
      case 4:
        return fmt::format("int({})", Expression(depth - 1));
      default:
        return fmt::format("({} {} {})", Expression(depth - 1), kOperators[Pick(6)],
                           Expression(depth - 1));
    }
  }
  std::string Step() {
    switch (Pick(6)) {
      case 0:
        return fmt::format("print({}, 'and', {})", Expression(1), Number());
      case 1:
        return fmt::format("print(f'is {{{}}} or {{{}:.2f}}')\n", Number(), Number());
      case 2:
        return Expression(2);
      case 3:
        if (names_ > 0) return fmt::format("v{} += {}  # more\n", Pick(names_), Expression(1));
        [[fallthrough]];
      default:
        return fmt::format("# a step\nv{} = {}\n", names_++, Expression(2));
    }
  }

  Random random_;
  int names_ = 0;
};

}  // namespace

TEST_CASE("A step of straight-line arithmetic is what a process of its own gives") {
  Bench quick(1, {}, "auto", true), slow;
  Writer writer(11);
  std::vector<Program> programs;
  for (int i = 0; i < 400; ++i) programs.push_back(writer.Write());
  const std::vector<ExecResult> steps = quick.StepAll(programs);
  const std::vector<ExecResult> whole = slow.RunAll(programs, Limits(10));
  int well = 0, calculated = 0;
  for (std::size_t i = 0; i < programs.size(); ++i) {
    CAPTURE(fmt::format("{}", fmt::join(programs[i].steps, "|")));
    CHECK(steps[i].outcome == whole[i].outcome);
    CHECK(steps[i].output == whole[i].output);
    CHECK(steps[i].value == whole[i].value);
    CHECK(steps[i].error == whole[i].error);
    CHECK(steps[i].error_step == whole[i].error_step);
    CHECK(steps[i].level == whole[i].level);
    well += whole[i].outcome == Outcome::kOk;
    calculated += steps[i].cpu_s == 0;  // A process of its own has a time.
  }
  // Both kinds, else this shows nothing.
  CHECK(well > 150);
  CHECK(well < 400);
  CHECK(calculated > 150);
}

TEST_CASE("The calculator runs arithmetic and leaves nothing behind for the next program") {
  Asked ask;
  const auto shown = ask("a = 3\nb = a * 4 + 1\nprint(f\"b is {b}\", 2.5)\nb / 2\n");
  REQUIRE(shown);
  CHECK(shown->output == "b is 13 2.5\n");
  CHECK(shown->value == "6.5");
  CHECK_FALSE(ask("print(a)"));
  CHECK(ask("print(1)")->output == "1\n");
  CHECK_FALSE(ask("print(1)")->value);
  CHECK(ask("")->output.empty());
}

TEST_CASE("The calculator refuses whatever is not straight-line arithmetic of bounded size") {
  Asked ask;
  const std::string deep(1500, '(');
  const std::vector<std::string> programs = {
      "import os",
      "__import__('os')",
      "print = 3",
      "abs = 3\nabs(1)",
      "x = True",
      "x = None",
      "x = 1 if 1 else 2",
      "while 1: pass",
      "for i in range(3): pass",
      "def f(): pass",
      "x = lambda: 1",
      "x = [1]",
      "x = (1, 2)",
      "x = {}",
      "x = 'a' * 1000000000",
      "x = 'a'",
      "print('a' * 3)",
      "x = (1).real",
      "x = y",
      "print(x)",
      "x: int = 1",
      "a = b = 1",
      "a, b = 1, 2",
      "del x",
      "x = 1 << 1000000000",
      "x = 9**64\ny = x**64\nz = y**64",
      "x = 2\ny = 3\nx**y",
      "x = 2**-1",
      "x = 10**10**10",
      "x = 2**65",
      "print(1, sep='')",
      "print(*x)",
      "print(print(1))",
      "x = print(1)",
      "print(f'{1!r}')",
      "print(f'{1:>99999999}')",
      "print(f'{1:.99999999f}')",
      "print(f'{1:{2}}')",
      "print(f'{1:c}')",
      "print(b'a')",
      "x = open",
      "exit()",
      "x = int('3')",
      "x = round(2.5, 10**9)",
      "x = float.fromhex('1')",
      "1 / 0",
      "x = 1e308 * 10\nint(x)",
      "x = (",
      "x = 1\n  y = 2",
      "\xff",
      std::string("x = 1\0", 6),
      "x = " + deep + "1" + std::string(1500, ')'),
      "x := 1",
      "(x := 1)",
      "x = 1 < 2",
      "x = not 1",
      "x = ~1",
      "x = 1j",
      "x = ...",
      "assert 1",
      "raise 1",
      "global x",
      "with 1: pass",
      "try:\n  1\nexcept: pass",
      "match 1:\n  case _: pass",
      "class A: pass",
      "async def f(): pass",
      "@1\ndef f(): pass",
      "return 1",
      "x = yield",
      "print(__builtins__)",
  };
  for (const std::string& program : programs) {
    CAPTURE(program.substr(0, 60));
    CHECK_FALSE(ask(program));
  }
  CHECK(ask("print(2)")->output == "2\n");  // It is as it was.
}

TEST_CASE("A step that prints much leaves the calculator as it was") {
  Bench quick(1, {}, "auto", true);
  std::string prints = "x = 9**60\nx = x**17\n";
  for (int i = 0; i < 30; ++i)
    prints += "print(" + std::string(60, 'x').replace(1, 59, [] {
      std::string more;
      for (int k = 0; k < 29; ++k) more += ",x";
      return more;
    }()) + ")\n";
  ExecLimits limits = Limits(10);
  limits.out_kb = 4096;
  const ExecResult much = quick.Step({prints}, {}, limits);
  CHECK(much.outcome == Outcome::kOk);
  CHECK(much.output.size() > 800'000);
  CHECK(much.cpu_s > 0);                       // In a process of its own.
  CHECK(quick.Step({"print(1)"}).cpu_s == 0);  // Again in the calculator.
}

TEST_CASE("Output beyond the limit of a step is judged in a process of its own") {
  Bench quick(1, {}, "auto", true);
  std::string prints = "x = 9**60\nx = x**20\n";
  for (int i = 0; i < 20; ++i) prints += "print(x, x, x)\n";
  ExecLimits limits = Limits(10);
  limits.out_kb = 1;
  CHECK(quick.Step({prints}, {}, limits).outcome == Outcome::kOutputLimit);
}

TEST_CASE("Thousands of programs at once are all answered, arithmetic or not") {
  Bench quick(2, {}, "auto", true);
  std::vector<Program> programs;
  for (int i = 0; i < 3000; ++i) {
    programs.push_back(
        {{fmt::format("x = {}", i), i % 100 == 7 ? "print([x][0])" : "print(x)"}, {}});
  }
  const std::vector<ExecResult> results = quick.StepAll(programs);
  int calculated = 0;
  for (int i = 0; i < 3000; ++i) {
    CHECK(results[static_cast<std::size_t>(i)].output == fmt::format("{}\n", i));
    calculated += results[static_cast<std::size_t>(i)].cpu_s == 0;
  }
  CHECK(calculated == 3000 - 30);
}

TEST_CASE("A calculator may be ended from inside an answer, and with questions open") {
  asio::io_context io;
  auto calculator = std::make_unique<Calculator>(io, 0);
  AwaitReady(*calculator);
  int calls = 0;
  for (int i = 0; i < 10; ++i) {
    calculator->Run({{"print(1)"}, {}}, [&](std::optional<Calculator::Shown>) {
      ++calls;
      calculator.reset();
    });
  }
  io.run();
  CHECK(calls == 1);
}
