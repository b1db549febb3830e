#pragma once
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "schemas/base/file.h"
#include "verify/sandbox/cage/cage.h"

namespace gradus {

// Descriptors that go with a job's request.
struct RequestFds {
  int program = -1, output = -1;
};

// This side of a process that forks jobs: a warm interpreter. Single-threaded.
class ForkServer : public std::enable_shared_from_this<ForkServer> {
 public:
  // Called with each message, "" when the process is gone.
  using Handler = std::function<void(std::string)>;

  ForkServer(asio::io_context& io, Fd control);
  ~ForkServer() { Close(); }

  // False when the process is gone, or does not read any more.
  bool Send(const cage::Request& request, const RequestFds& fds);
  // Asks for the death of a job that it forked; its end is reported as any other.
  void Kill(std::uint64_t id);
  // Waits for one message. Only while one is due: an idle server keeps no work on the io_context,
  // so that its run() returns when all programs are done.
  void Listen(Handler handler);
  // The process leaves when it reads its end. No handler is called any more.
  void Close();
  // The first message, waited for without a loop; "" when the process is gone or the time is over.
  std::string Await(int timeout_ms);
  // One message, "" when the process is gone, nothing when there is none yet.
  std::optional<std::string> Poll();

 private:
  void Wait();

  asio::posix::stream_descriptor control_;
  bool waiting_ = false;
  Handler handler_;
};

}  // namespace gradus
