#pragma once
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "verify/python/job_process.h"
#include "verify/python/python_job.h"
#include "verify/python/zygote.h"
#include "verify/sandbox/fork_server.h"
#include "verify/sandbox/job_user.h"
#include "verify/sandbox/slot_cgroup.h"

namespace gradus {

struct PythonJob {
  Program program;
  ExecLimits limits;
  std::function<void(ExecResult)> done;
  int attempts = 0;
};

struct SlotOptions {
  std::vector<std::string> preload;
  unsigned levels = 0;  // Bit n: isolation level n may be used.
};

// One warm interpreter and the job that runs in it, a process of its own. Restarts the interpreter
// when it dies. Single-threaded; handlers keep the slot alive until they have run.
class PythonSlot : public std::enable_shared_from_this<PythonSlot> {
 public:
  struct Events {
    std::function<void(PythonJob, ExecResult)> ended;  // The job was judged.
    std::function<void(PythonJob)> lost;               // The interpreter died under it.
    std::function<void()> changed;                     // Became idle or broken.
  };
  // What the interpreter said when it was warm.
  struct Warmth {
    Isolation isolation;
    std::string versions;
  };

  PythonSlot(asio::io_context& io, const SlotOptions& options);
  // Blocks until the interpreter is warm. Throws Error with its reason.
  Warmth WaitUntilWarm();
  // From now on the slot works by itself on the io_context. Without WaitUntilWarm before it the
  // slot becomes idle when the interpreter is warm.
  void Attach(Events events);
  // Ends the interpreter and its job; no event follows.
  void Close();

  bool idle() const { return state_ == State::kIdle; }
  bool starting() const { return state_ == State::kStarting; }
  // The interpreter cannot be started any more.
  bool broken() const { return state_ == State::kBroken; }
  // REQUIRES: idle().
  void Begin(PythonJob job);

 private:
  enum class State { kStarting, kIdle, kBusy, kBroken, kClosed };

  void StartInterpreter();
  void ListenForWarmth();
  void Restart();
  // False when the interpreter is gone.
  bool Launch();
  void Listen();
  void OnMessage(const std::string& message);
  ChildEnd EndOf(int status, double cpu_s);
  ExecResult Judge(const ChildEnd& end);
  void Done(ExecResult result);
  void InterpreterGone();

  asio::io_context& io_;
  const SlotOptions options_;
  Events events_;
  State state_ = State::kStarting;
  int failed_starts_ = 0;
  int level_ = -1;  // Until the interpreter was warm once.
  JobUser user_;
  std::string no_group_;             // Why there is no control group.
  std::optional<SlotCgroup> group_;  // Outlives the interpreter.
  long oom_kills_ = 0;
  ReportMemory report_;
  std::unique_ptr<Zygote> zygote_;
  std::shared_ptr<ForkServer> interpreter_;
  asio::steady_timer start_timer_;

  // The running job. Handlers of an earlier process carry an older serial and do nothing.
  std::uint64_t serial_ = 0;
  PythonJob job_;
  std::shared_ptr<JobProcess> process_;
  std::string not_confined_;  // Why its process could not be.
};

}  // namespace gradus
