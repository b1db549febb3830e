#include "verify/python/job_process.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <utility>

#include "schemas/base/log.h"

namespace gradus {
namespace {

constexpr double kGraceSeconds = 0.4;  // From the request to end until the end is reported.

}  // namespace

Fd JobProcess::Open(std::size_t output_cap) {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) return {};
  ::fcntl(fds[0], F_SETFL, O_NONBLOCK);
  output_.assign(fds[0]);
  cap_ = output_cap;
  return Fd(fds[1]);
}

void JobProcess::Watch(double wall_s, std::function<void(KillReason)> ask_to_end,
                       std::function<void()> overdue) {
  ask_to_end_ = std::move(ask_to_end);
  overdue_ = std::move(overdue);
  started_ = MonotonicSeconds();
  Read();
  StartTimer(wall_s);
}

double JobProcess::seconds() const { return MonotonicSeconds() - started_; }

void JobProcess::Read() {
  output_.async_wait(asio::posix::stream_descriptor::wait_read,
                     [self = shared_from_this()](std::error_code error) {
                       if (error || !self->ask_to_end_) return;
                       if (self->Drain()) return self->Read();
                       if (self->bytes_.size() > self->cap_) self->End(KillReason::kOutput);
                     });
}

bool JobProcess::Drain() {
  char buffer[1 << 16];
  while (output_.is_open() && bytes_.size() <= cap_) {
    const ssize_t size = ::read(output_.native_handle(), buffer, sizeof buffer);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return errno == EAGAIN || errno == EWOULDBLOCK;
    if (size == 0) return false;
    bytes_.append(buffer, static_cast<std::size_t>(size));
  }
  return false;
}

void JobProcess::StartTimer(double seconds) {
  timer_.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(
      std::chrono::duration<double>(seconds)));
  timer_.async_wait([self = shared_from_this()](std::error_code error) {
    if (error || !self->ask_to_end_) return;
    if (self->killed_ == KillReason::kNone) return self->End(KillReason::kWall);
    self->overdue_();
  });
}

void JobProcess::End(KillReason reason) {
  if (killed_ != KillReason::kNone) return;
  killed_ = reason;
  StartTimer(kGraceSeconds);
  ask_to_end_(reason);
}

void JobProcess::Close() {
  Drain();
  std::error_code ignored;
  output_.close(ignored);
  timer_.cancel();
  ask_to_end_ = nullptr;
  overdue_ = nullptr;
}

}  // namespace gradus
