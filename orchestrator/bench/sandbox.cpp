#include "orchestrator/bench/sandbox.h"

#include <algorithm>
#include <asio/io_context.hpp>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "schemas/base/error.h"
#include "schemas/base/log.h"
#include "schemas/base/seed.h"
#include "verify/python/python_process.h"
#include "verify/sandbox/level.h"

namespace gradus {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kWide = 8, kDeep = 8;

std::string Trivial(int i) { return fmt::format("print({} * 7)", i); }

// A quadratic with whole roots, other ones each time.
std::string Sympy(int i) {
  const int a = i % 97 + 2, b = i % 89 + 3;
  return fmt::format(
      "from sympy import symbols, solve\nx = symbols('x')\nprint(solve(x**2 - {} * x + {}, x))",
      a + b, a * b);
}

// One step of a chain of algebra; `v` makes it another sibling.
std::string TreeStep(int depth, int v) {
  switch (depth) {
    case 0:
      return fmt::format("from sympy import *\nx = symbols('x')\np = expand((x + {})**3)\n", v + 1);
    case 1:
      return fmt::format("q = factor(p * (x - {}))\n", v + 2);
    case 2:
      return fmt::format("d = diff(q * sin({} * x), x)\n", v + 1);
    case 3:
      return fmt::format("r = solve(x**2 - {} * x + {}, x)\n", v + 7, v + 3);
    case 4:
      return fmt::format("i = integrate(p * exp({} * x), x)\n", v + 1);
    case 5:
      return fmt::format("m = Matrix([[{}, 2], [3, x]]).inv()\n", v + 1);
    case 6:
      return fmt::format("e = simplify((x**2 - {0}**2) / (x - {0}) + sin(x)**2 + cos(x)**2)\n",
                         v + 1);
    default:
      return fmt::format("print(i.subs(x, {}), m.det(), e, r)\n", v + 1);
  }
}

// The candidates of a search that goes down one path: all siblings of each depth, in order.
std::vector<std::vector<Program>> Tree(Seed seed) {
  std::vector<std::vector<Program>> levels;
  Program path;
  for (int depth = 0; depth < kDeep; ++depth) {
    levels.emplace_back();
    for (int v = 0; v < kWide; ++v) {
      Program candidate = path;
      candidate.steps.push_back(TreeStep(depth, v));
      levels.back().push_back(std::move(candidate));
    }
    path = levels.back()[MixSeed(seed, {static_cast<std::uint64_t>(depth)}) % kWide];
  }
  return levels;
}

class Bench {
 public:
  explicit Bench(const ExecutorOptions& options)
      : limits_(options.limits), executor_(MakePythonExecutor(io_, options)) {}

  std::string level() const { return LevelName(executor_->isolation().level); }

  // Seconds for all programs, which must end well.
  double Check(const std::vector<Program>& programs) {
    return Time(programs, [&](const Program& p, auto done) { executor_->Check(p, limits_, done); });
  }

 private:
  template <class Run>
  double Time(const std::vector<Program>& programs, Run run) {
    const double start = MonotonicSeconds();
    std::string failed;
    for (const Program& program : programs) {
      run(program, [&](const ExecResult& result) {
        if (result.outcome != Outcome::kOk) failed = result.error;
      });
    }
    io_.restart();
    io_.run();
    if (!failed.empty()) Fail("a benchmark program failed: {}", failed);
    return MonotonicSeconds() - start;
  }

  asio::io_context io_;
  ExecLimits limits_;
  std::unique_ptr<Executor> executor_;
};

std::vector<Program> Programs(int count, const std::function<std::string(int)>& text) {
  std::vector<Program> programs;
  for (int i = 0; i < count; ++i) programs.push_back({{text(i)}, {}});
  return programs;
}

double Rounded(double value) { return std::round(value * 1e4) / 1e4; }

// One process for each program.
double PythonPerSecond(int count, const std::function<std::string(int)>& text) {
  const double start = MonotonicSeconds();
  for (int i = 0; i < count; ++i) RunPlainPython(text(i));
  return count / (MonotonicSeconds() - start);
}

// All programs by exec in one warm process: no isolation at all, not even between programs.
double PoolPerSecond(int count, const std::function<std::string(int)>& text) {
  std::string script = "import sympy, numpy, io, contextlib, time\nprograms = [\n";
  for (int i = 0; i < count; ++i) script += Json(text(i)).dump() + ",\n";
  script +=
      "]\nfor warm in (programs[:20], programs):\n  start = time.monotonic()\n  for p in warm:\n"
      "    with contextlib.redirect_stdout(io.StringIO()): exec(p, {})\n"
      "  end = time.monotonic()\nprint(end - start)\n";
  return count / std::stod(RunPlainPython(script));
}

Json Rates(Bench& bench, int count, int cold, const std::function<std::string(int)>& text) {
  bench.Check(Programs(std::max(count / 10, 4), text));
  const double isolated = count / bench.Check(Programs(count, text));
  const double python = PythonPerSecond(cold, text), pool = PoolPerSecond(count, text);
  return {{"isolated_per_s", Rounded(isolated)},
          {"python_process_per_s", Rounded(python)},
          {"unisolated_pool_per_s", Rounded(pool)},
          {"ratio_to_python_process", Rounded(isolated / python)},
          {"ratio_to_pool", Rounded(isolated / pool)}};
}

Json Trees(Bench& bench, int count) {
  double seconds = 0;
  for (int i = 0; i < count; ++i) {
    for (const auto& level : Tree(static_cast<Seed>(i))) seconds += bench.Check(level);
  }
  return {
      {"wide", kWide}, {"deep", kDeep}, {"steps_per_s", Rounded(count * kWide * kDeep / seconds)}};
}

}  // namespace

Json BenchSandbox(const ExecutorOptions& options, double scale) {
  const auto times = [scale](int n) { return std::max(1, static_cast<int>(n * scale)); };
  ExecutorOptions forking = options;
  forking.calculator = false;  // Processes are what is measured.
  Bench bench(forking);
  Json result = {{"bench", "sandbox"}, {"level", bench.level()}, {"slots", options.slots}};
  result["trivial"] = Rates(bench, times(1000), times(50), Trivial);
  result["sympy"] = Rates(bench, times(200), times(8), Sympy);
  result["tree"] = Trees(bench, times(4));
  return result;
}

}  // namespace gradus
