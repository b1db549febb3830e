#pragma once
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>

#include "schemas/base/file.h"
#include "verify/python/python_job.h"

namespace gradus {

// One process of a job, seen from outside: the pipe that it prints to, its deadline, and why it was
// ended. Fresh for each process, so that late writers of an earlier one reach nobody.
class JobProcess : public std::enable_shared_from_this<JobProcess> {
 public:
  explicit JobProcess(asio::io_context& io) : output_(io), timer_(io) {}

  // Opens the pipe; the child's end, empty when the system is out of descriptors. At most
  // `output_cap` bytes of stdout are kept, and one more to tell.
  Fd Open(std::size_t output_cap);
  // Reads the pipe and runs the clock. `ask_to_end` is called once, when a limit is reached;
  // `overdue` when the process is still not gone a grace time later.
  void Watch(double wall_s, std::function<void(KillReason)> ask_to_end,
             std::function<void()> overdue);
  // Reads what is left, closes everything. No callback follows.
  void Close();

  KillReason killed() const { return killed_; }
  double seconds() const;
  std::string& output() { return bytes_; }

 private:
  void Read();
  // False at the end of the stream or over its cap.
  bool Drain();
  void End(KillReason reason);
  void StartTimer(double seconds);

  asio::posix::stream_descriptor output_;
  std::string bytes_;
  std::size_t cap_ = 0;
  asio::steady_timer timer_;
  double started_ = 0;
  KillReason killed_ = KillReason::kNone;
  std::function<void(KillReason)> ask_to_end_;
  std::function<void()> overdue_;
};

}  // namespace gradus
