#include "verify/python/python_executor.h"

#include <algorithm>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <utility>

#include "schemas/base/error.h"
#include "schemas/base/log.h"
#include "schemas/base/settings.h"
#include "verify/python/calculator.h"
#include "verify/python/python_slot.h"
#include "verify/sandbox/cage_setup.h"
#include "verify/sandbox/level.h"

namespace gradus {
namespace {

constexpr int kAttempts = 2;
// Programs that run for long must not hold up all others: when all slots are taken and nothing has
// ended for this time, another one is started.
constexpr auto kHeldUp = std::chrono::seconds(1);
constexpr std::size_t kMostExtraSlots = 4;
constexpr int kMostCalculators = 4;  // One that was lost is started again.

class PythonExecutor : public Executor {
 public:
  PythonExecutor(asio::io_context& io, const ExecutorOptions& options);
  ~PythonExecutor() override;
  void Step(Program program, const ExecLimits& limits,
            std::function<void(ExecResult)> done) override;
  void Check(Program program, const ExecLimits& limits,
             std::function<void(ExecResult)> done) override {
    Add({std::move(program), limits, std::move(done)});
  }
  std::string Version() const override { return version_; }
  Isolation isolation() const override { return isolation_; }

 private:
  bool Calculates(const Program& program);
  void Add(PythonJob job);
  void Pump();
  std::shared_ptr<PythonSlot> MakeSlot(unsigned levels);
  PythonSlot::Events EventsOfSlot();
  void WatchForHoldUp();
  void AddSlot();
  void EndSpareSlots();
  void Answer(PythonJob job, ExecResult result);
  void Retry(PythonJob job, const std::string& reason);
  void GiveUp();
  ExecResult Infrastructure(const std::string& reason) const;

  asio::io_context& io_;
  const ExecutorOptions options_;
  std::string version_;
  Isolation isolation_;
  std::vector<std::shared_ptr<PythonSlot>> slots_;
  asio::steady_timer held_up_;
  bool watching_ = false;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::uint64_t answered_ = 0;
  std::deque<PythonJob> waiting_;
  std::unique_ptr<Calculator> calculator_;
  int calculators_left_;
};

ExecResult PythonExecutor::Infrastructure(const std::string& reason) const {
  ExecResult result;
  result.error = reason;
  result.level = LevelName(isolation_.level);
  return result;
}

PythonExecutor::PythonExecutor(asio::io_context& io, const ExecutorOptions& options)
    : io_(io),
      options_(options),
      held_up_(io),
      calculators_left_(options.calculator ? kMostCalculators : 0) {
  Require(options.slots > 0, "an executor needs a slot");
  CheckLevel(options.level);
  for (int i = 0; i < options.slots; ++i) {
    slots_.push_back(MakeSlot(*ReadLevels(options.level)));
  }
  for (auto& slot : slots_) {
    const PythonSlot::Warmth warmth = slot->WaitUntilWarm();
    version_ = fmt::format("{}; {}", warmth.versions, LevelName(warmth.isolation.level));
    isolation_ = warmth.isolation;
  }
  for (auto& slot : slots_) slot->Attach(EventsOfSlot());
}

std::shared_ptr<PythonSlot> PythonExecutor::MakeSlot(unsigned levels) {
  return std::make_shared<PythonSlot>(io_, SlotOptions{options_.preload, levels});
}

PythonSlot::Events PythonExecutor::EventsOfSlot() {
  return {[this](PythonJob job, ExecResult result) { Answer(std::move(job), std::move(result)); },
          [this](PythonJob job) {
            Retry(std::move(job), "the interpreter died twice under this program");
          },
          [this] { Pump(); }};
}

PythonExecutor::~PythonExecutor() {
  *alive_ = false;
  for (auto& slot : slots_) slot->Close();
}

void PythonExecutor::Step(Program program, const ExecLimits& limits,
                          std::function<void(ExecResult)> done) {
  if (!Calculates(program)) return Check(std::move(program), limits, std::move(done));
  auto answer = [this, program, limits,
                 done = std::move(done)](std::optional<Calculator::Shown> shown) mutable {
    const std::size_t cap = OutputCap(limits);
    if (!shown || shown->output.size() > cap || (shown->value && shown->value->size() > cap)) {
      return Check(std::move(program), limits, std::move(done));
    }
    ExecResult result;
    result.outcome = Outcome::kOk;
    result.output = std::move(shown->output);
    result.value = std::move(shown->value);
    result.level = LevelName(isolation_.level);
    done(std::move(result));
  };
  calculator_->Run(program, std::move(answer));
}

// Whether the calculator takes it. It is started by the first program that wants it, since those
// who only check never need one, and while it starts programs have processes of their own.
bool PythonExecutor::Calculates(const Program& program) try {
  if (!Calculator::MayRun(program)) return false;
  if (calculator_ && calculator_->broken()) calculator_.reset();
  if (!calculator_ && calculators_left_ > 0) {
    --calculators_left_;
    calculator_ = std::make_unique<Calculator>(io_, isolation_.level);
  }
  return calculator_ && calculator_->ready();
} catch (const Error& error) {
  Log("no calculator ({}): every program gets a process of its own", error.what());
  calculators_left_ = 0;
  return false;
}

void PythonExecutor::Add(PythonJob job) {
  waiting_.push_back(std::move(job));
  Pump();
}

void PythonExecutor::Pump() {
  for (auto& slot : slots_) {
    if (waiting_.empty()) break;
    if (!slot->idle()) continue;
    PythonJob job = std::move(waiting_.front());
    waiting_.pop_front();
    slot->Begin(std::move(job));
  }
  const auto broken = [](const auto& slot) { return slot->broken(); };
  if (std::all_of(slots_.begin(), slots_.end(), broken)) GiveUp();
  if (!waiting_.empty()) return WatchForHoldUp();
  held_up_.cancel();
  EndSpareSlots();
}

// Those that were started in a hold-up which is over.
void PythonExecutor::EndSpareSlots() {
  for (std::size_t i = slots_.size(); i-- > static_cast<std::size_t>(options_.slots);) {
    if (!slots_[i]->idle() && !slots_[i]->broken()) continue;
    slots_[i]->Close();
    slots_.erase(slots_.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

void PythonExecutor::WatchForHoldUp() {
  if (watching_ || slots_.size() >= static_cast<std::size_t>(options_.slots) + kMostExtraSlots) {
    return;
  }
  watching_ = true;
  held_up_.expires_after(kHeldUp);
  // The timer may have gone off, and its handler be queued, when this object ends.
  held_up_.async_wait([this, alive = alive_, before = answered_](std::error_code error) {
    if (!*alive) return;
    watching_ = false;
    if (error || waiting_.empty()) return;
    const auto starting = [](const auto& slot) { return slot->starting(); };
    if (answered_ == before && std::none_of(slots_.begin(), slots_.end(), starting)) AddSlot();
    WatchForHoldUp();
  });
}

void PythonExecutor::AddSlot() try {
  slots_.push_back(MakeSlot(1u << isolation_.level));  // No weaker than the others.
  slots_.back()->Attach(EventsOfSlot());
} catch (const Error& error) {
  Log("no further python slot: {}", error.what());
}

void PythonExecutor::Answer(PythonJob job, ExecResult result) {
  ++answered_;
  if (result.outcome == Outcome::kSandboxError) return Retry(std::move(job), result.error);
  result.level = LevelName(isolation_.level);
  Pump();
  job.done(std::move(result));
}

// Perhaps an accident, so once more.
void PythonExecutor::Retry(PythonJob job, const std::string& reason) {
  if (++job.attempts < kAttempts) {
    waiting_.push_front(std::move(job));
    return Pump();
  }
  auto done = std::move(job.done);
  Pump();
  done(Infrastructure(reason));
}

// Answers are posted: a call must return before its `done` is called.
void PythonExecutor::GiveUp() {
  for (PythonJob& job : std::exchange(waiting_, {})) {
    asio::post(io_,
               [done = std::move(job.done),
                result = Infrastructure("python3 cannot be started any more")] { done(result); });
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
                 "warm Python interpreters per rank; each runs one program at a time; up to four "
                 "more are started while long programs hold all of them");
  settings.Field(
      "level", options.level,
      "isolation of programs: auto is the best of L3, L2, L1 that works here; L0, resource "
      "limits only, must be named");
  settings.Field("calculator", options.calculator,
                 "steps of a search that are straight-line arithmetic share one confined "
                 "interpreter instead of a process each; the same results, about 20 times sooner");
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

void CheckLevel(const std::string& level) {
  if (!ReadLevels(level)) Fail("execution.level: '{}' is not auto, L3, L2, L1 or L0", level);
}

std::unique_ptr<Executor> MakePythonExecutor(asio::io_context& io, const ExecutorOptions& options) {
  return std::make_unique<PythonExecutor>(io, options);
}

}  // namespace gradus
