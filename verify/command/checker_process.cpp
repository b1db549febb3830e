#include "verify/command/checker_process.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include "schemas/base/log.h"
#include "schemas/base/utf8.h"

namespace gradus {
namespace {

constexpr int kPatienceMs = 100;
constexpr std::size_t kComplaintsKept = 2000;
constexpr std::size_t kComplaintsTaken = 4u << 20;  // More, for one request, is a flood.

}  // namespace

CheckerProcess::Took CheckerProcess::TakeSome(int fd, std::string& bytes) {
  char buffer[1 << 16];
  ssize_t size;
  do {
    size = ::read(fd, buffer, sizeof buffer);
  } while (size < 0 && errno == EINTR);
  if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return Took::kNothing;
  if (size <= 0) return Took::kEnd;
  bytes.append(buffer, static_cast<std::size_t>(size));
  return Took::kSome;
}

CheckerProcess::CheckerProcess(asio::io_context& io, const ConfinedOptions& options)
    : process_(options), input_(io), output_(io), errors_(io), timer_(io) {
  input_.assign(process_.TakeInput().Release());
  output_.assign(process_.TakeOutput().Release());
  errors_.assign(process_.TakeErrors().Release());
}

bool CheckerProcess::Quiet() {
  return incoming_.empty() && TakeSome(output_.native_handle(), incoming_) == Took::kNothing;
}

void CheckerProcess::Ask(std::string line, double wall_s, std::size_t most_bytes,
                         std::function<void(Reply)> done) {
  ++serial_;
  done_ = std::move(done);
  outgoing_ = std::move(line);
  most_bytes_ = most_bytes;
  complained_ = 0;
  leaves_by_itself_ = false;
  started_ = MonotonicSeconds();
  timer_.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(
      std::chrono::duration<double>(wall_s)));
  timer_.async_wait([self = shared_from_this(), serial = serial_](std::error_code error) {
    if (!error && serial == self->serial_) self->Finish(Fault::kSilent);
  });
  ReadOutput();
  ReadErrors();
  Write();
}

// What cannot be written to one that is gone shows when it is read.
void CheckerProcess::Write() {
  while (!outgoing_.empty()) {
    const ssize_t sent =
        ::send(input_.native_handle(), outgoing_.data(), outgoing_.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK) return;
    if (sent < 0) break;
    outgoing_.erase(0, static_cast<std::size_t>(sent));
  }
  if (outgoing_.empty()) return;
  input_.async_wait(asio::posix::stream_descriptor::wait_write,
                    [self = shared_from_this(), serial = serial_](std::error_code error) {
                      if (!error && serial == self->serial_) self->Write();
                    });
}

void CheckerProcess::ReadOutput() {
  output_.async_wait(asio::posix::stream_descriptor::wait_read,
                     [self = shared_from_this(), serial = serial_](std::error_code error) {
                       if (error || serial != self->serial_) return;
                       const std::size_t before = self->incoming_.size();
                       const bool goes_on =
                           TakeSome(self->output_.native_handle(), self->incoming_) != Took::kEnd;
                       const std::size_t line = self->incoming_.find('\n', before);
                       const std::size_t size = std::min(line, self->incoming_.size());
                       if (size > self->most_bytes_) return self->Finish(Fault::kFlood);
                       if (line != std::string::npos) return self->Finish(Fault::kNone);
                       goes_on ? self->ReadOutput() : self->Finish(Fault::kCrashed);
                     });
}

// Read so that the checker is not held up, and kept for whoever has to mend it.
void CheckerProcess::ReadErrors() {
  errors_.async_wait(asio::posix::stream_descriptor::wait_read,
                     [self = shared_from_this(), serial = serial_](std::error_code error) {
                       if (error || serial != self->serial_) return;
                       if (self->TakeErrors() == Took::kEnd) return;
                       if (self->complained_ > kComplaintsTaken) return self->Finish(Fault::kFlood);
                       self->ReadErrors();
                     });
}

CheckerProcess::Took CheckerProcess::TakeErrors() {
  const std::size_t before = complaints_.size();
  const Took took = TakeSome(errors_.native_handle(), complaints_);
  complained_ += complaints_.size() - before;
  if (complaints_.size() > kComplaintsKept) {
    complaints_.erase(0, complaints_.size() - kComplaintsKept);
  }
  return took;
}

void CheckerProcess::Finish(Fault fault) {
  ++serial_;
  std::error_code ignored;
  timer_.cancel();
  input_.cancel(ignored);
  output_.cancel(ignored);
  errors_.cancel(ignored);
  leaves_by_itself_ = fault == Fault::kNone || fault == Fault::kCrashed;
  Reply reply{fault, "", MonotonicSeconds() - started_};
  if (fault == Fault::kNone) {
    const std::size_t size = incoming_.find('\n');
    reply.line = incoming_.substr(0, size);
    incoming_.erase(0, size + 1);
  }
  std::exchange(done_, nullptr)(std::move(reply));
}

ProcessEnd CheckerProcess::End() {
  ++serial_;
  done_ = nullptr;
  timer_.cancel();
  ::shutdown(input_.native_handle(), SHUT_WR);
  ProcessEnd end = process_.End(leaves_by_itself_ ? kPatienceMs : 0);
  while (errors_.is_open() && TakeErrors() == Took::kSome) {
  }
  std::error_code ignored;
  input_.close(ignored);
  output_.close(ignored);
  errors_.close(ignored);
  return end;
}

std::string CheckerProcess::LastWords() const {
  const std::size_t last = complaints_.find_last_not_of(" \r\n");
  if (last == std::string::npos) return "";
  const std::size_t line = complaints_.rfind('\n', last);
  const std::size_t first = line == std::string::npos ? 0 : line + 1;
  return ValidUtf8(complaints_.substr(first, last + 1 - first));
}

}  // namespace gradus
