#include "verify/python_slot.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include <asio/error.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "schemas/base/error.h"
#include "schemas/base/log.h"

namespace gradus {
namespace {

constexpr double kStartSeconds = 120;  // Imports from a cold network file system take long.
constexpr double kGraceSeconds = 0.4;  // From the kill request to the interpreter's report.
constexpr int kStartAttempts = 3;

// The encoded program behind a descriptor: the child reads it from there, whatever its size.
Fd ProgramFile(const std::string& program) {
  Fd file(::memfd_create("gradus-program", MFD_CLOEXEC));
  for (std::size_t at = 0; file && at < program.size();) {
    const ssize_t size = ::write(file.get(), program.data() + at, program.size() - at);
    if (size < 0 && errno != EINTR) file.Reset();
    if (size > 0) at += static_cast<std::size_t>(size);
  }
  return file;
}

}  // namespace

PythonSlot::PythonSlot(asio::io_context& io, std::vector<std::string> preload)
    : io_(io),
      preload_(std::move(preload)),
      zygote_(std::make_unique<Zygote>(preload_)),
      control_(io),
      timer_(io),
      output_(io),
      result_(io) {}

std::string PythonSlot::WaitUntilWarm() {
  pollfd wait{zygote_->control(), POLLIN, 0};
  int ready;
  do {
    ready = ::poll(&wait, 1, static_cast<int>(kStartSeconds * 1000));
  } while (ready < 0 && errno == EINTR);
  const std::string message = ready > 0 ? zygote_->Receive().value_or("") : "";
  if (message.empty()) Fail("python3 did not start: run `python3 -c pass` to see why");
  if (message[0] != 'R') {
    Fail("python3 cannot preload {}: {}", fmt::join(preload_, ", "), message.substr(1));
  }
  return message.substr(1);
}

void PythonSlot::Attach(Events events) {
  events_ = std::move(events);
  state_ = State::kIdle;
  control_.assign(zygote_->control());
}

void PythonSlot::Close() {
  state_ = State::kClosed;
  events_ = {};
  ++serial_;
  CloseJob();
  if (control_.is_open()) control_.release();
  zygote_.reset();
  job_ = {};
}

void PythonSlot::Listen() {
  if (std::exchange(listening_, true)) return;
  control_.async_wait(asio::posix::stream_descriptor::wait_read,
                      [self = shared_from_this(), zygote = zygote_.get()](std::error_code error) {
                        if (error || self->zygote_.get() != zygote) return;
                        self->listening_ = false;
                        const auto message = zygote->Receive();
                        if (!message) return self->Listen();
                        message->empty() ? self->OnDead() : self->OnMessage(*message);
                      });
}

void PythonSlot::OnMessage(const std::string& message) {
  if (message[0] == 'R' && state_ == State::kStarting) {
    timer_.cancel();
    failed_starts_ = 0;
    state_ = State::kIdle;
    events_.changed();
  } else if (message[0] == 'X' && message.size() == 13 && state_ == State::kBusy) {
    std::uint32_t status;
    std::uint64_t micros;
    std::memcpy(&status, message.data() + 1, sizeof status);
    std::memcpy(&micros, message.data() + 5, sizeof micros);
    Finish(static_cast<int>(status), static_cast<double>(micros) * 1e-6);
  } else {
    if (message[0] == 'E') Log("python3 did not restart: {}", message.substr(1));
    OnDead();
  }
}

void PythonSlot::OnDead() {
  const bool busy = state_ == State::kBusy;
  const bool judged = busy && killed_ != KillReason::kNone;
  const ChildEnd end{0, 0, MonotonicSeconds() - started_, killed_};
  if (busy) Drain(output_);
  CloseJob();
  PythonJob job = std::move(job_);
  if (state_ == State::kStarting) ++failed_starts_;
  // The job is answered last: its handler may end this slot.
  const Events events = events_;
  Restart();
  if (judged) {
    events.ended(std::move(job), JudgeJob(end, std::move(output_.bytes), "", nonce_, job.limits));
  } else if (busy) {
    events.lost(std::move(job));
  } else {
    events.changed();
  }
}

void PythonSlot::Restart() {
  control_.release();
  listening_ = false;
  zygote_.reset();
  state_ = State::kBroken;
  if (failed_starts_ >= kStartAttempts) return;
  try {
    zygote_ = std::make_unique<Zygote>(preload_);
    state_ = State::kStarting;
    control_.assign(zygote_->control());
    Listen();
    StartTimer(kStartSeconds);
  } catch (const Error& error) {
    Log("{}", error.what());
  }
}

bool PythonSlot::OpenPipes(Fd& output_end, Fd& result_end) {
  for (auto [stream, end] : {std::pair{&output_, &output_end}, std::pair{&result_, &result_end}}) {
    int fds[2];
    if (::pipe2(fds, O_CLOEXEC) != 0) return false;
    *end = Fd(fds[1]);
    ::fcntl(fds[0], F_SETFL, O_NONBLOCK);
    stream->descriptor.assign(fds[0]);
    stream->bytes.clear();
  }
  output_.cap = OutputCap(job_.limits);
  result_.cap = kFrameCap;
  return true;
}

void PythonSlot::Start(PythonJob job) {
  job_ = std::move(job);
  state_ = State::kBusy;
  killed_ = KillReason::kNone;
  started_ = MonotonicSeconds();
  ++serial_;
  Fd output_end, result_end;
  const Fd program = ProgramFile(job_.program);
  const bool ready = program && OpenPipes(output_end, result_end) &&
                     ::getrandom(nonce_.data(), nonce_.size(), 0) == std::ssize(nonce_);
  const bool sent =
      ready && zygote_->Send({EncodeJobHeader(nonce_, job_.program.size(), job_.limits),
                              program.get(), output_end.get(), result_end.get()});
  Listen();
  if (!sent) {
    // The caller is in the middle of its queue: it hears of the loss from the loop.
    if (!ready) Log("cannot open a program's pipes: {}", std::strerror(errno));
    zygote_->Hangup();
    return;
  }
  Watch(&PythonSlot::output_);
  Watch(&PythonSlot::result_);
  StartTimer(job_.limits.wall_s);
}

void PythonSlot::Watch(Stream PythonSlot::*stream) {
  (this->*stream)
      .descriptor.async_wait(
          asio::posix::stream_descriptor::wait_read,
          [self = shared_from_this(), stream, serial = serial_](std::error_code error) {
            if (error || serial != self->serial_) return;
            if (self->Drain((*self).*stream)) return self->Watch(stream);
            if (((*self).*stream).bytes.size() > ((*self).*stream).cap) {
              self->Kill(KillReason::kOutput);
            }
          });
}

bool PythonSlot::Drain(Stream& stream) {
  char buffer[1 << 16];
  while (stream.descriptor.is_open() && stream.bytes.size() <= stream.cap) {
    const ssize_t size = ::read(stream.descriptor.native_handle(), buffer, sizeof buffer);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return errno == EAGAIN || errno == EWOULDBLOCK;
    if (size == 0) return false;
    stream.bytes.append(buffer, static_cast<std::size_t>(size));
  }
  return false;
}

void PythonSlot::StartTimer(double seconds) {
  timer_.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(
      std::chrono::duration<double>(seconds)));
  timer_.async_wait([self = shared_from_this(), serial = serial_](std::error_code error) {
    if (!error && serial == self->serial_) self->OnTimer();
  });
}

void PythonSlot::OnTimer() {
  if (state_ == State::kBusy && killed_ == KillReason::kNone) return Kill(KillReason::kWall);
  // No warm message, or no report after a kill request: the interpreter hangs.
  OnDead();
}

void PythonSlot::Kill(KillReason reason) {
  killed_ = reason;
  zygote_->KillChild();
  StartTimer(kGraceSeconds);
}

void PythonSlot::Finish(int status, double cpu_s) {
  const double wall_s = MonotonicSeconds() - started_;
  Drain(output_);
  Drain(result_);
  CloseJob();
  timer_.cancel();
  ++serial_;
  state_ = State::kIdle;
  ExecResult result = JudgeJob({status, cpu_s, wall_s, killed_}, std::move(output_.bytes),
                               result_.bytes, nonce_, job_.limits);
  // The handler may end this slot: nothing of it is used afterwards.
  const auto ended = events_.ended;
  ended(std::move(job_), std::move(result));
}

void PythonSlot::CloseJob() {
  std::error_code ignored;
  output_.descriptor.close(ignored);
  result_.descriptor.close(ignored);
  timer_.cancel();
}

}  // namespace gradus
