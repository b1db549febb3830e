#pragma once
#include <doctest/doctest.h>

#include <asio/io_context.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "schemas/base/error.h"
#include "verify/python/python_executor.h"

namespace gradus {

inline ExecLimits Limits(double wall_s, double cpu_s = 8) { return {wall_s, cpu_s, 256, 64}; }

// An executor with its loop; one interpreter start is shared by all programs of a test.
class Bench {
 public:
  explicit Bench(int slots = 1, std::vector<std::string> preload = {},
                 const std::string& level = "auto", bool calculator = false) {
    ExecutorOptions options;
    options.calculator = calculator;
    options.slots = slots;
    options.level = level;
    options.preload = std::move(preload);
    executor = MakePythonExecutor(io, options);
    // It starts beside the first steps. What it runs takes no time of a process of its own.
    for (int tries = 0; calculator && Step({"x = 1"}).cpu_s > 0; ++tries) REQUIRE(tries < 5000);
  }
  int level() const { return executor->isolation().level; }

  std::vector<ExecResult> RunAll(const std::vector<Program>& programs, const ExecLimits& limits) {
    std::vector<ExecResult> results(programs.size());
    std::vector<int> calls(programs.size());
    for (std::size_t i = 0; i < programs.size(); ++i) {
      executor->Check(programs[i], limits, [&, i](ExecResult result) {
        results[i] = std::move(result);
        ++calls[i];
      });
      REQUIRE(calls[i] == 0);  // Never from inside Run.
    }
    io.restart();
    io.run();
    for (int count : calls) REQUIRE(count == 1);
    return results;
  }

  ExecResult Run(const std::string& program, const ExecLimits& limits = Limits(10)) {
    return RunAll({{{program}, {}}}, limits)[0];
  }
  std::vector<ExecResult> StepAll(const std::vector<Program>& programs,
                                  const ExecLimits& limits = Limits(10)) {
    std::vector<ExecResult> results(programs.size());
    int calls = 0;
    for (std::size_t i = 0; i < programs.size(); ++i) {
      executor->Step(programs[i], limits, [&, i](ExecResult result) {
        results[i] = std::move(result);
        ++calls;
      });
    }
    io.restart();
    io.run();
    REQUIRE(calls == static_cast<int>(programs.size()));
    return results;
  }
  // The last step, as in a search.
  ExecResult Step(std::vector<std::string> steps, std::vector<std::string> allowed = {},
                  const ExecLimits& limits = Limits(10)) {
    ExecResult result;
    executor->Step({std::move(steps), std::move(allowed)}, limits,
                   [&](ExecResult r) { result = std::move(r); });
    io.restart();
    io.run();
    return result;
  }
  ExecResult RunSteps(std::vector<std::string> steps, std::vector<std::string> allowed = {}) {
    return RunAll({{std::move(steps), std::move(allowed)}}, Limits(10))[0];
  }

  asio::io_context io;
  std::unique_ptr<Executor> executor;
};

// Whether this level works here; where it does not, a line says so.
inline bool Works(const std::string& level) {
  try {
    Bench bench(1, {}, level);
    return true;
  } catch (const Error& error) {
    MESSAGE("not tried at " << level << ": " << std::string(error.what()));
    return false;
  }
}

}  // namespace gradus
