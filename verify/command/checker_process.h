#pragma once
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "verify/sandbox/confined_process.h"

namespace gradus {

// One process of a checker: lines go in, lines come out, one at a time. Single-threaded; an idle
// one keeps no work on the io_context.
class CheckerProcess : public std::enable_shared_from_this<CheckerProcess> {
 public:
  enum class Fault { kNone, kCrashed, kSilent, kFlood };
  struct Reply {
    Fault fault = Fault::kNone;
    std::string line;  // Without its line feed.
    double wall_s = 0;
  };
  // Throws Error when the system is out of processes or descriptors.
  CheckerProcess(asio::io_context& io, const ConfinedOptions& options);

  Isolation WaitUntilConfined() { return process_.WaitUntilConfined(); }
  // Whether it is alive and has written nothing since its last reply.
  bool Quiet();
  // REQUIRES: no other line is under way. `done` is called once, later, unless End comes before.
  void Ask(std::string line, double wall_s, std::size_t most_bytes,
           std::function<void(Reply)> done);
  // Ends it with everything that it started; see ConfinedProcess::End.
  ProcessEnd End();
  // After End: the last line that it wrote to stderr.
  std::string LastWords() const;

 private:
  void Write();
  void ReadOutput();
  void ReadErrors();
  enum class Took { kSome, kNothing, kEnd };
  static Took TakeSome(int fd, std::string& bytes);
  Took TakeErrors();
  void Finish(Fault fault);

  ConfinedProcess process_;
  asio::posix::stream_descriptor input_, output_, errors_;
  asio::steady_timer timer_;
  // The line under way; handlers of an earlier one carry an older serial and do nothing.
  std::uint64_t serial_ = 0;
  std::function<void(Reply)> done_;
  double started_ = 0;
  // It crashed, or is idle and leaves when its input ends; else there is nothing to wait for.
  bool leaves_by_itself_ = true;
  std::size_t most_bytes_ = 0;
  std::string outgoing_, incoming_, complaints_;
  std::size_t complained_ = 0;  // Bytes of stderr since the line went out.
};

}  // namespace gradus
