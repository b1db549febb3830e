#include "verify/python/golden_programs.h"

#include <optional>
#include <string>
#include <vector>

#include "schemas/base/error.h"

namespace gradus {
namespace {

struct GoldenProgram {
  const char* what;
  std::vector<std::string> steps;
  Outcome outcome;
  std::string output;
  std::optional<std::string> value;
  int from_level = 0;  // Below, it may do what it likes.
};

const std::vector<GoldenProgram>& GoldenPrograms() {
  using enum Outcome;
  static const std::vector<GoldenProgram> kPrograms = {
      {"a program in steps",
       {"x = 6", "y = x * 7\nprint('y is', y)", "y + 1"},
       kOk,
       "y is 42\n",
       "43"},
      {"exact fractions",
       {"from fractions import Fraction as F", "print(F(1, 2) + F(1, 3))"},
       kOk,
       "5/6\n",
       std::nullopt},
      {"output before an error",
       {"print('before')", "1 / 0", "print('after')"},
       kException,
       "before\n",
       std::nullopt},
      {"a seeded generator",
       {"import random", "a = random.random()", "random.seed(0)\nprint(a == random.random())"},
       kOk,
       "True\n",
       std::nullopt},
      {"an exit", {"print(1)", "raise SystemExit(0)"}, kExitCall, "1\n", std::nullopt},
      {"too much memory", {"n = 10**12", "b = bytearray(n)"}, kMemoryLimit, "", std::nullopt},
      {"a process refused",
       {"import os", "try:\n  os.fork()\nexcept OSError as e:\n  print(e.errno)"},
       kOk,
       "1\n",
       std::nullopt,
       1},
      {"the network refused",
       {"import _socket", "try:\n  _socket.socket()\nexcept OSError as e:\n  print(e.errno)"},
       kOk,
       "1\n",
       std::nullopt,
       1},
      {"a written file refused",
       {"try:\n  open('/tmp/gradus-golden', 'w')\nexcept OSError as e:\n  print('no')", "pass"},
       kOk,
       "no\n",
       std::nullopt,
       1},
  };
  return kPrograms;
}

std::string Told(const ExecResult& result) {
  return fmt::format("{} '{}' {}", ToString(result.outcome), result.output, result.error);
}

void Compare(const GoldenProgram& golden, const char* how, const ExecResult& result) {
  if (result.outcome == golden.outcome && result.output == golden.output &&
      result.value == golden.value) {
    return;
  }
  Fail(
      "the executor does not work here: {} ({}) ended with {}; nothing is labelled with it (gradus "
      "doctor tells more)",
      golden.what, how, Told(result));
}

}  // namespace

void CheckGoldenPrograms(asio::io_context& io, Executor& executor) {
  struct Run {
    const GoldenProgram* golden;
    const char* how;
    ExecResult result;
  };
  std::vector<Run> runs;
  for (const GoldenProgram& golden : GoldenPrograms()) {
    if (executor.isolation().level < golden.from_level) continue;
    runs.push_back({&golden, "step by step", {}});
    runs.push_back({&golden, "from its start", {}});
  }
  std::size_t open = runs.size();
  const ExecLimits limits;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    auto done = [&runs, &open, i](ExecResult result) {
      runs[i].result = std::move(result);
      --open;
    };
    const Program program{runs[i].golden->steps, {}};
    i % 2 == 0 ? executor.Step(program, limits, done) : executor.Check(program, limits, done);
  }
  io.restart();
  while (open > 0 && io.run_one() > 0) {
  }
  for (const Run& run : runs) Compare(*run.golden, run.how, run.result);
}

}  // namespace gradus
