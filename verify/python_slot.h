#pragma once
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "verify/python_job.h"
#include "verify/zygote.h"

namespace gradus {

struct PythonJob {
  std::string program;  // Encoded.
  ExecLimits limits;
  std::function<void(ExecResult)> done;
  int attempts = 0;
};

// One warm interpreter and the job that runs in it: owns the job's pipes and deadline, restarts the
// interpreter when it dies. Single-threaded; handlers keep the slot alive until they have run.
class PythonSlot : public std::enable_shared_from_this<PythonSlot> {
 public:
  struct Events {
    std::function<void(PythonJob, ExecResult)> ended;  // The job was judged.
    std::function<void(PythonJob)> lost;               // The interpreter died under it.
    std::function<void()> changed;                     // Became idle or broken.
  };

  PythonSlot(asio::io_context& io, std::vector<std::string> preload);
  // Blocks until the interpreter is warm; returns its versions. Throws Error with its reason.
  std::string WaitUntilWarm();
  // From now on the slot works by itself on the io_context.
  void Attach(Events events);
  // Ends the interpreter and its job; no event follows.
  void Close();

  bool idle() const { return state_ == State::kIdle; }
  // The interpreter cannot be started any more.
  bool broken() const { return state_ == State::kBroken; }
  // REQUIRES: idle().
  void Start(PythonJob job);

 private:
  enum class State { kStarting, kIdle, kBusy, kBroken, kClosed };
  struct Stream {
    explicit Stream(asio::io_context& io) : descriptor(io) {}
    asio::posix::stream_descriptor descriptor;
    std::string bytes;
    std::size_t cap = 0;
  };

  // Waits for the interpreter's next message. Only while one is due: an idle slot keeps no work on
  // the io_context, so that its run() returns when all programs are done.
  void Listen();
  void OnMessage(const std::string& message);
  void OnDead();
  bool OpenPipes(Fd& output_end, Fd& result_end);
  void Watch(Stream PythonSlot::*stream);
  // False at the end of the stream or over its cap.
  bool Drain(Stream& stream);
  void StartTimer(double seconds);
  void OnTimer();
  void Kill(KillReason reason);
  void Finish(int status, double cpu_s);
  void CloseJob();
  void Restart();

  asio::io_context& io_;
  const std::vector<std::string> preload_;
  Events events_;
  State state_ = State::kStarting;
  int failed_starts_ = 0;
  std::unique_ptr<Zygote> zygote_;
  bool listening_ = false;
  asio::posix::stream_descriptor control_;  // A view of the zygote's socket, never closed by asio.
  asio::steady_timer timer_;

  // The running job. Handlers of an earlier job carry an older serial and do nothing.
  std::uint64_t serial_ = 0;
  PythonJob job_;
  Nonce nonce_{};
  KillReason killed_ = KillReason::kNone;
  double started_ = 0;
  Stream output_, result_;
};

}  // namespace gradus
