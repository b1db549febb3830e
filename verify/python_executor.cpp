#include "verify/python_executor.h"

#include <algorithm>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <deque>
#include <utility>

#include "schemas/base/error.h"
#include "schemas/base/settings.h"
#include "verify/python_slot.h"

namespace gradus {
namespace {

constexpr int kAttempts = 2;
constexpr const char* kLevel = "L0";  // Resource limits and process groups only.

class PythonExecutor : public Executor {
 public:
  PythonExecutor(asio::io_context& io, const ExecutorOptions& options);
  ~PythonExecutor() override;
  void Run(Program program, const ExecLimits& limits,
           std::function<void(ExecResult)> done) override;
  std::string Version() const override { return version_; }

 private:
  void Pump();
  void Retry(PythonJob job);
  void GiveUp();

  asio::io_context& io_;
  std::string version_;
  std::vector<std::shared_ptr<PythonSlot>> slots_;
  std::deque<PythonJob> waiting_;
};

ExecResult Infrastructure(const char* reason) {
  ExecResult result;
  result.error = reason;
  result.level = kLevel;
  return result;
}

PythonExecutor::PythonExecutor(asio::io_context& io, const ExecutorOptions& options) : io_(io) {
  Require(options.slots > 0, "an executor needs a slot");
  for (int i = 0; i < options.slots; ++i) {
    slots_.push_back(std::make_shared<PythonSlot>(io, options.preload));
  }
  for (auto& slot : slots_) version_ = slot->WaitUntilWarm();
  version_ += fmt::format("; {}", kLevel);
  for (auto& slot : slots_) {
    slot->Attach({[this](PythonJob job, ExecResult result) {
                    result.level = kLevel;
                    Pump();
                    job.done(std::move(result));
                  },
                  [this](PythonJob job) { Retry(std::move(job)); }, [this] { Pump(); }});
  }
}

PythonExecutor::~PythonExecutor() {
  for (auto& slot : slots_) slot->Close();
}

void PythonExecutor::Run(Program program, const ExecLimits& limits,
                         std::function<void(ExecResult)> done) {
  waiting_.push_back({EncodeProgram(program), limits, std::move(done)});
  Pump();
}

void PythonExecutor::Pump() {
  for (auto& slot : slots_) {
    if (waiting_.empty()) return;
    if (!slot->idle()) continue;
    PythonJob job = std::move(waiting_.front());
    waiting_.pop_front();
    slot->Start(std::move(job));
  }
  const auto broken = [](const auto& slot) { return slot->broken(); };
  if (std::all_of(slots_.begin(), slots_.end(), broken)) GiveUp();
}

// The interpreter died under the job: perhaps by accident, so once more.
void PythonExecutor::Retry(PythonJob job) {
  if (++job.attempts < kAttempts) {
    waiting_.push_front(std::move(job));
    return Pump();
  }
  auto done = std::move(job.done);
  Pump();
  done(Infrastructure("the interpreter died twice under this program"));
}

// Answers are posted: Run must return before its `done` is called.
void PythonExecutor::GiveUp() {
  for (PythonJob& job : std::exchange(waiting_, {})) {
    asio::post(io_, [done = std::move(job.done)] {
      done(Infrastructure("python3 cannot be started any more"));
    });
  }
}

}  // namespace

const char* ToString(Outcome outcome) {
  switch (outcome) {
    case Outcome::kOk:
      return "ok";
    case Outcome::kException:
      return "exception";
    case Outcome::kExitCall:
      return "exit_call";
    case Outcome::kSignal:
      return "signal";
    case Outcome::kNoResult:
      return "no_result";
    case Outcome::kCpuTimeout:
      return "cpu_timeout";
    case Outcome::kWallTimeout:
      return "wall_timeout";
    case Outcome::kMemoryLimit:
      return "memory_limit";
    case Outcome::kOomKill:
      return "oom_kill";
    case Outcome::kOutputLimit:
      return "output_limit";
    case Outcome::kKilledUnknown:
      return "killed_unknown";
    case Outcome::kProtocolViolation:
      return "protocol_violation";
    case Outcome::kSandboxError:
      return "sandbox_error";
  }
  return "sandbox_error";
}

void Bind(Settings& settings, ExecutorOptions& options) {
  settings.Field("slots", options.slots, {1, 1024},
                 "warm Python interpreters per rank; each runs one program at a time");
  settings.Field("preload", options.preload,
                 "modules imported and exercised once, before programs are forked; a program may "
                 "import others at its own cost");
  settings.Section("limits", "of one program", [&](Settings& limits) {
    limits.Field("wall_s", options.limits.wall_s, {0.01, 3600}, "wall-clock seconds");
    limits.Field("cpu_s", options.limits.cpu_s, {0.01, 3600},
                 "CPU seconds; the kernel counts whole ones, so this is rounded up");
    limits.Field("mem_mb", options.limits.mem_mb, {16, 1 << 20},
                 "MiB of address space beyond the warm interpreter's own");
    limits.Field("out_kb", options.limits.out_kb, {1, 1 << 16},
                 "KiB of stdout kept; a program that prints more is ended");
  });
}

std::unique_ptr<Executor> MakePythonExecutor(asio::io_context& io, const ExecutorOptions& options) {
  return std::make_unique<PythonExecutor>(io, options);
}

}  // namespace gradus
