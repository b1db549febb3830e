#pragma once
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "schemas/base/file.h"
#include "verify/python/python_job.h"

namespace gradus {

// One process of a job, seen from outside: the pipes that it writes, its deadline, and why it was
// ended. Fresh for each process, so that late writers of an earlier one reach nobody.
class JobProcess : public std::enable_shared_from_this<JobProcess> {
 public:
  explicit JobProcess(asio::io_context& io) : output_(io), result_(io), timer_(io) {}

  struct Ends {
    Fd output, result;
  };
  // Opens the pipes and draws the nonce; the child's ends. Nothing when the system is out of
  // descriptors. At most `output_cap` bytes of stdout are kept, and one more to tell.
  std::optional<Ends> Open(std::size_t output_cap);
  // Reads the pipes and runs the clock. `ask_to_end` is called once, when a limit is reached;
  // `overdue` when the process is still not gone a grace time later.
  void Watch(double wall_s, std::function<void(KillReason)> ask_to_end,
             std::function<void()> overdue);
  // Reads what is left, closes everything. No callback follows.
  void Close();

  const Nonce& nonce() const { return nonce_; }
  KillReason killed() const { return killed_; }
  double seconds() const;
  std::string& output() { return output_.bytes; }
  const std::string& frame() const { return result_.bytes; }
  // After Close: the result pipe was closed by its last writer.
  bool finished() const { return result_.ended; }

 private:
  struct Stream {
    explicit Stream(asio::io_context& io) : descriptor(io) {}
    asio::posix::stream_descriptor descriptor;
    std::string bytes;
    std::size_t cap = 0;
    bool ended = false;
  };
  void Read(Stream JobProcess::*stream);
  // False at the end of the stream or over its cap.
  bool Drain(Stream& stream);
  void End(KillReason reason);
  void StartTimer(double seconds);

  Stream output_, result_;
  asio::steady_timer timer_;
  Nonce nonce_{};
  double started_ = 0;
  KillReason killed_ = KillReason::kNone;
  std::function<void(KillReason)> ask_to_end_;
  std::function<void()> overdue_;
};

}  // namespace gradus
