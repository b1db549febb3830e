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
#include "verify/python/kept_prefixes.h"
#include "verify/python/prefix_costs.h"
#include "verify/python/python_job.h"
#include "verify/python/zygote.h"
#include "verify/sandbox/fork_server.h"
#include "verify/sandbox/slot_cgroup.h"

namespace gradus {

struct PythonJob {
  Program program;
  ExecLimits limits;
  std::function<void(ExecResult)> done;
  // One for each prefix, the program itself last; empty: from its start in a fresh process,
  // whatever is kept.
  std::vector<std::string> keys = {};
  int attempts = 0;
};

// Everything that the state after each prefix depends on.
std::vector<std::string> KeysOf(const Program& program, const ExecLimits& limits);

struct SlotOptions {
  std::vector<std::string> preload;
  unsigned levels = 0;  // Bit n: isolation level n may be used.
  int index = 0;        // Of the slot: programs of different slots have different users.
  std::size_t kept_prefixes = 0;
};

// One warm interpreter, the job that runs in it, and the prefixes that it keeps as processes. A job
// is one process, or two where its prefix has to be run and kept first. Restarts the interpreter
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
  // Whether the steps before the job's last one are kept here.
  bool Knows(const PythonJob& job) const;
  // REQUIRES: idle().
  void Begin(PythonJob job);

 private:
  enum class State { kStarting, kIdle, kBusy, kBroken, kClosed };
  // What the running process is for: the whole program; its prefix, to be kept; its last step.
  enum class Phase { kWhole, kPrefix, kStep };
  struct Kept {
    std::shared_ptr<ForkServer> server;
    std::uint64_t id = 0;  // Of the job that it was.
    std::string output;    // What its steps have printed so far.
    double cpu_s = 0, wall_s = 0;
  };
  struct Origin {
    std::shared_ptr<ForkServer> server;
    const Kept* kept = nullptr;  // nullptr: the warm interpreter itself.
  };

  void StartInterpreter();
  void ListenForWarmth();
  void Restart();

  bool UsesPrefixes(const PythonJob& job) const;
  // Of the state that the running job's last step starts from.
  const std::string& PrefixKey() const { return job_.keys[job_.keys.size() - 2]; }
  void RunWhole();
  void RunStep();
  void RunPrefix(std::size_t first, const Origin& origin);
  void Launch(Phase phase, const Origin& origin, const std::vector<std::string>& steps,
              int control);
  void ListenToServer(const std::shared_ptr<ForkServer>& server);
  void ListenToKept();

  void OnServerMessage(const std::shared_ptr<ForkServer>& server, const std::string& message);
  void OnServerGone(const std::shared_ptr<ForkServer>& server);
  void OnEnded(const cage::Ended& ended);
  void OnKeptReady(const std::string& message);
  void AskToEnd();
  void ForgetFamilyOf(const std::string& key);
  ChildEnd EndOf(int status, double cpu_s);
  // The judgement of the running process, with the output of what it went on from.
  ExecResult Judge(const ChildEnd& end);
  void Done(ExecResult result);
  void InterpreterGone();

  asio::io_context& io_;
  const SlotOptions options_;
  Events events_;
  State state_ = State::kStarting;
  int failed_starts_ = 0;
  int level_ = -1;                   // Until the interpreter was warm once.
  std::string no_group_;             // Why there is no control group.
  std::optional<SlotCgroup> group_;  // Outlives the interpreter.
  long oom_kills_ = 0;
  std::unique_ptr<Zygote> zygote_;
  std::shared_ptr<ForkServer> interpreter_;
  asio::steady_timer start_timer_;
  KeptPrefixes<Kept> prefixes_;
  PrefixCosts costs_;

  // The running job. Handlers of an earlier process carry an older serial and do nothing.
  std::uint64_t serial_ = 0;
  PythonJob job_;
  Phase phase_ = Phase::kWhole;
  std::shared_ptr<JobProcess> process_;
  std::string founder_, origin_key_;  // Family and kept process that it goes on from; "": none.
  std::string carried_;               // Output of the steps before this process.
  double carried_cpu_s_ = 0, carried_wall_s_ = 0;
  std::shared_ptr<ForkServer> candidate_;  // kPrefix: the server that the process is to become.
};

}  // namespace gradus
