#pragma once
#include <asio/io_context.hpp>
#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "verify/command/checker_process.h"
#include "verify/command/checker_program.h"
#include "verify/command/command_verifier.h"
#include "verify/command/protocol.h"
#include "verify/sandbox/job_user.h"
#include "verify/sandbox/slot_cgroup.h"

namespace gradus {

// What became of a request.
struct CheckerReply {
  std::optional<CheckerAnswer> answer;
  // Without an answer: "checker-crashed", "checker-silent", "checker-flood", "checker-nonsense", or
  // "checker-broken" when there is no process to ask; and what is known about it.
  std::string fault, detail;
  double wall_s = 0;
};

// The processes of a checker, started when there is work for them. A fresh one is asked about the
// empty state first and serves when it has answered; each serves one request at a time. One that
// failed is ended and replaced, and the request goes once more to the fresh one. Single-threaded.
class CheckerPool {
 public:
  // Blocks until a first process is confined. Throws Error when it cannot be.
  CheckerPool(asio::io_context& io, CheckerProgram program, const CommandOptions& options);
  ~CheckerPool();
  // `done` is called exactly once, at once or later.
  void Ask(CheckerRequest request, std::function<void(CheckerReply)> done);
  const Isolation& isolation() const { return isolation_; }
  VerifierCounters Counters() const;

 private:
  enum class Phase { kDown, kGreeting, kIdle, kBusy };
  struct Job {
    CheckerRequest request;
    std::function<void(CheckerReply)> done;
    int attempts = 0;
  };
  struct Slot {
    JobUser user;
    std::optional<SlotCgroup> group;  // Outlives the process.
    Phase phase = Phase::kDown;
    std::shared_ptr<CheckerProcess> process;
    std::optional<Job> job;
  };

  // Why there are no control groups, "" when there are or none was wanted.
  std::string MakeSlots();
  std::shared_ptr<CheckerProcess> Launch(Slot& slot);
  void Start(Slot& slot);
  void Greet(Slot& slot);
  void Send(Slot& slot, const CheckerRequest& request, double wall_s);
  void OnReply(Slot& slot, const std::string& id, const CheckerProcess::Reply& reply);
  void OnGreeted(Slot& slot);
  void OnNotGreeted(Slot& slot, const std::string& why);
  // A process that was of no use; after `starts` of them without an answer in between no more are
  // made.
  void NoteFailedStart(const std::string& why);
  void OnFault(Slot& slot, CheckerReply reply);
  // Ends the slot's process; how that ended.
  std::string Down(Slot& slot);
  void Pump();
  void StartWhereNeeded();
  void GiveUp();

  asio::io_context& io_;
  const CheckerProgram program_;
  const CommandOptions options_;
  const CheckerRequest greeting_;
  unsigned levels_;
  Isolation isolation_;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::deque<Job> waiting_;
  int failed_starts_ = 0;  // Since the last answer.
  std::string broken_;     // Why no more are made; "": they are.
  std::atomic<std::uint64_t> answered_{0}, cpu_us_{0};
};

}  // namespace gradus
