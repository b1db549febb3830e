#include "verify/python/calculator.h"

#include <sys/socket.h>
#include <unistd.h>

#include <asio/post.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>
#include <vector>

#include "schemas/base/bytes.h"
#include "schemas/base/error.h"
#include "schemas/base/log.h"
#include "verify/sandbox/memory_file.h"

namespace gradus {
namespace {

constexpr auto kPatience = std::chrono::seconds(5);  // A program takes a millisecond at most.
constexpr std::size_t kTextBytes = 4096;
constexpr std::size_t kAnswerHead = 8 + 2 + 4 + 4;
constexpr std::size_t kAnswerBytes = 1 << 20;
constexpr int kMemoryMib = 256;
constexpr int kGroupMib = 512;

std::string TextOf(const Program& program) {
  std::string text;
  for (const std::string& step : program.steps) {
    text += step;
    if (!step.ends_with('\n')) text += '\n';
  }
  return text;
}

}  // namespace

Calculator::Calculator(asio::io_context& io, int level) : io_(io), socket_(io), timer_(io) {
  ZygoteOptions options;
  options.levels = 1u << level;
  options.uid = user_.uid();
  if (level == 3) {
    std::string why;
    auto made = SlotCgroup::Make(why);
    if (!made) Fail("L3: {}", why);
    group_.emplace(std::move(*made));
    group_->Allow(kGroupMib);
    for (const auto& file : group_->joins()) options.group_files.push_back(file.string());
  }
  zygote_.emplace(options, report_.file());
  server_ = std::make_shared<ForkServer>(io, zygote_->TakeControl());
}

bool Calculator::ready() {
  if (ready_ || broken_) return ready_;
  const auto message = server_->Poll();
  if (!message) return false;
  if (message->empty() || message->front() != 'R') {
    Break(fmt::format("python3 did not start: {}", *message).c_str());
    return false;
  }
  StartJob();
  return ready_ = true;
}

Calculator::~Calculator() {
  *alive_ = false;
  server_->Close();
}

// The one job of the interpreter. What a job has as its stdout is a socket here, for both ways.
void Calculator::StartJob() {
  int sockets[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) {
    Fail("cannot make a socket pair: {}", std::strerror(errno));
  }
  socket_.assign(sockets[0]);
  socket_.non_blocking(true);
  const Fd theirs(sockets[1]);
  const std::string text = EncodeProgram({{CalculatorSource()}, {}});
  const Fd program = MemoryFile("gradus-program", text);
  if (!program) Fail("cannot start a job: {}", std::strerror(errno));
  ExecLimits limits;
  limits.mem_mb = kMemoryMib;
  limits.cpu_s = 1e9;
  const cage::Request request = MakeRequest(1, text.size(), limits);
  if (!server_->Send(request, {program.get(), theirs.get()})) {
    Fail("python3 is gone");
  }
}

bool Calculator::MayRun(const Program& program) {
  if (program.steps.empty() || !program.allowed_steps.empty()) return false;
  std::size_t size = 0;
  for (const std::string& step : program.steps) {
    size += step.size() + 1;
    for (const char* word : {"import ", "def ", "for ", "while ", "[", "__"}) {
      if (step.find(word) != std::string::npos) return false;
    }
  }
  return size <= kTextBytes;
}

void Calculator::Run(const Program& program, Done done) {
  const std::uint64_t number = ++last_;
  asked_.emplace(number, std::move(done));
  outgoing_ += ByteWriter().Put(number).PutString(TextOf(program)).Take();
  if (!writing_) Write();
  if (!reading_) Read();
  if (asked_.size() == 1) Watch();
}

void Calculator::Write() {
  while (!outgoing_.empty()) {
    const ssize_t sent =
        ::send(socket_.native_handle(), outgoing_.data(), outgoing_.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) break;
    outgoing_.erase(0, static_cast<std::size_t>(sent));
  }
  writing_ = !outgoing_.empty();
  // A lost process shows when its answers are read.
  if (!writing_) return;
  socket_.async_wait(asio::posix::stream_descriptor::wait_write,
                     [this, alive = alive_](std::error_code error) {
                       if (*alive && !error) Write();
                     });
}

// Only while an answer is due: an idle one keeps no work on the io_context.
void Calculator::Read() {
  reading_ = true;
  socket_.async_wait(asio::posix::stream_descriptor::wait_read,
                     [this, alive = alive_](std::error_code error) {
                       if (!*alive || error) return;
                       reading_ = false;
                       if (!Receive()) return Break("it is gone");
                       const bool sound = TakeAnswers();
                       if (!*alive) return;
                       if (!sound) return Break("its answers make no sense");
                       if (asked_.empty()) {
                         timer_.cancel();
                       } else if (!reading_) {
                         Read();
                       }
                     });
}

bool Calculator::Receive() {
  char buffer[1 << 16];
  for (;;) {
    const ssize_t size = ::read(socket_.native_handle(), buffer, sizeof buffer);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return errno == EAGAIN || errno == EWOULDBLOCK;
    if (size == 0) return false;
    incoming_.append(buffer, static_cast<std::size_t>(size));
    if (static_cast<std::size_t>(size) < sizeof buffer) return true;
  }
}

bool Calculator::TakeAnswers() {
  std::vector<std::pair<Done, std::optional<Shown>>> answers;
  std::size_t at = 0;
  bool sound = true;
  while (sound && incoming_.size() - at >= kAnswerHead) {
    ByteReader head(std::string_view(incoming_).substr(at, kAnswerHead));
    const auto asked = asked_.find(head.Get<std::uint64_t>());
    const bool ran = head.Get<std::uint8_t>() != 0, has_value = head.Get<std::uint8_t>() != 0;
    const std::size_t output = head.Get<std::uint32_t>(), value = head.Get<std::uint32_t>();
    sound = asked != asked_.end() && output + value <= kAnswerBytes;
    if (!sound || incoming_.size() - at - kAnswerHead < output + value) break;
    std::optional<Shown> shown;
    if (ran) {
      shown.emplace();
      shown->output = incoming_.substr(at + kAnswerHead, output);
      if (has_value) shown->value = incoming_.substr(at + kAnswerHead + output, value);
    }
    answers.emplace_back(std::move(asked->second), std::move(shown));
    asked_.erase(asked);
    at += kAnswerHead + output + value;
  }
  incoming_.erase(0, at);
  // A handler may ask more, or end this object.
  const std::shared_ptr<bool> alive = alive_;
  for (auto& [done, shown] : answers) {
    if (*alive) done(std::move(shown));
  }
  return sound;
}

void Calculator::Watch() {
  watched_ = asked_.begin()->first;
  timer_.expires_after(kPatience);
  timer_.async_wait([this, alive = alive_](std::error_code error) {
    if (!*alive || error || asked_.empty()) return;
    if (asked_.begin()->first == watched_) return Break("it does not answer");
    Watch();
  });
}

void Calculator::Break(const char* why) {
  Log("the calculator ends ({}): its programs get processes of their own", why);
  ready_ = false;
  broken_ = true;
  timer_.cancel();
  std::error_code ignored;
  socket_.close(ignored);
  server_->Kill(1);
  const std::shared_ptr<bool> alive = alive_;
  for (auto& [number, done] : std::exchange(asked_, {})) {
    if (*alive) done(std::nullopt);
  }
}

}  // namespace gradus
