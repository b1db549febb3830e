#include "verify/python/job_process.h"

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <utility>

#include "schemas/base/log.h"

namespace gradus {
namespace {

constexpr double kGraceSeconds = 0.4;  // From the request to end until the end is reported.

}  // namespace

std::optional<JobProcess::Ends> JobProcess::Open(std::size_t output_cap) {
  Ends ends;
  for (auto [stream, end] :
       {std::pair{&output_, &ends.output}, std::pair{&result_, &ends.result}}) {
    int fds[2];
    if (::pipe2(fds, O_CLOEXEC) != 0) return std::nullopt;
    *end = Fd(fds[1]);
    ::fcntl(fds[0], F_SETFL, O_NONBLOCK);
    stream->descriptor.assign(fds[0]);
  }
  output_.cap = output_cap;
  result_.cap = kFrameCap;
  if (::getrandom(nonce_.data(), nonce_.size(), 0) != std::ssize(nonce_)) return std::nullopt;
  return ends;
}

void JobProcess::Watch(double wall_s, std::function<void(KillReason)> ask_to_end,
                       std::function<void()> overdue) {
  ask_to_end_ = std::move(ask_to_end);
  overdue_ = std::move(overdue);
  started_ = MonotonicSeconds();
  Read(&JobProcess::output_);
  Read(&JobProcess::result_);
  StartTimer(wall_s);
}

double JobProcess::seconds() const { return MonotonicSeconds() - started_; }

void JobProcess::Read(Stream JobProcess::*stream) {
  (this->*stream)
      .descriptor.async_wait(asio::posix::stream_descriptor::wait_read,
                             [self = shared_from_this(), stream](std::error_code error) {
                               if (error || !self->ask_to_end_) return;
                               Stream& s = (*self).*stream;
                               if (self->Drain(s)) return self->Read(stream);
                               if (s.bytes.size() > s.cap) self->End(KillReason::kOutput);
                             });
}

bool JobProcess::Drain(Stream& stream) {
  char buffer[1 << 16];
  while (stream.descriptor.is_open() && stream.bytes.size() <= stream.cap) {
    const ssize_t size = ::read(stream.descriptor.native_handle(), buffer, sizeof buffer);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return errno == EAGAIN || errno == EWOULDBLOCK;
    if (size == 0) {
      stream.ended = true;
      return false;
    }
    stream.bytes.append(buffer, static_cast<std::size_t>(size));
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
  Drain(output_);
  Drain(result_);
  std::error_code ignored;
  output_.descriptor.close(ignored);
  result_.descriptor.close(ignored);
  timer_.cancel();
  ask_to_end_ = nullptr;
  overdue_ = nullptr;
}

}  // namespace gradus
