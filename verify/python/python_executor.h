#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "verify/limits.h"
#include "verify/sandbox/level.h"

namespace asio {
class io_context;
}

namespace gradus {

class Settings;

// How a program ended. The first seven tell about the program; the last six are limits and
// infrastructure. `kKilledUnknown`, `kProtocolViolation` and `kSandboxError` never become a label.
enum class Outcome : std::uint8_t {
  kOk,
  kException,
  kExitCall,
  kSignal,
  kNoResult,
  kCpuTimeout,
  kWallTimeout,
  kMemoryLimit,
  kOomKill,
  kOutputLimit,
  kKilledUnknown,
  kProtocolViolation,
  kSandboxError,
};
// "ok", "exception", "exit_call", … as printed by `gradus exec` and stored in shards.
const char* ToString(Outcome outcome);

// A program as a list of steps, executed in order in one namespace; the concatenation is what runs.
// A program is also how a state is named: the one that its steps lead to. The empty program is the
// state of a problem's start; a longer one branches by copying.
struct Program {
  std::vector<std::string> steps;
  std::vector<std::string>
      allowed_steps;  // Non-empty: each top-level statement must equal one of these
                      // (compared as syntax trees); else outcome exception "NotAllowed".
};

struct ExecResult {
  Outcome outcome = Outcome::kSandboxError;
  std::string output;  // stdout, complete and in order, also when the program then failed.
  std::optional<std::string> value;  // repr of a final expression statement that is not None.
  std::string error;                 // "ZeroDivisionError: division by zero"; "" when ok.
  int error_step = -1;               // Index of the failing step.
  double wall_s = 0, cpu_s = 0;
  std::string level;  // Isolation level that ran it, e.g. "L0".
};

struct ExecutorOptions {
  int slots = 1;  // Warm interpreters, each runs one program at a time; a few more when long
                  // programs hold all of them.
  std::string level = "auto";  // Isolation: the best of L1 to L3 that works, or a named one.
  bool calculator = true;      // Steps of straight-line arithmetic share one confined process.
  std::vector<std::string> preload = {"math", "sympy",
                                      "numpy"};  // Imported and exercised before forking.
  ExecLimits limits;
};
void Bind(Settings& settings, ExecutorOptions& options);
// Throws Error when `level` names none.
void CheckLevel(const std::string& level);

// Runs programs in confined child processes. The calls return at once; `done` is called later on
// the io_context's thread, exactly once per program, in any order. Infrastructure failures are
// retried once. Destruction ends all children. One thread only (that of the io_context).
class Executor {
 public:
  virtual ~Executor() = default;
  // The last step of the program, from the state that its prefix leads to. The same result as Check
  // gives; arithmetic much sooner. For a search, never a label.
  virtual void Step(Program program, const ExecLimits& limits,
                    std::function<void(ExecResult)> done) = 0;
  // The whole program from a clean start: what a label rests on.
  virtual void Check(Program program, const ExecLimits& limits,
                     std::function<void(ExecResult)> done) = 0;
  // Name and version of interpreter, packages and isolation level, stored with each tree.
  virtual std::string Version() const = 0;
  virtual Isolation isolation() const = 0;
};

// Starts the warm interpreters. Throws Error when python3 or a preloaded module is missing, or when
// the isolation that `options` asks for does not work here.
std::unique_ptr<Executor> MakePythonExecutor(asio::io_context& io, const ExecutorOptions& options);

}  // namespace gradus
