#include "verify/python/python_slot.h"

#include <sys/wait.h>

#include <asio/post.hpp>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <utility>

#include "schemas/base/error.h"
#include "schemas/base/log.h"
#include "verify/sandbox/level.h"
#include "verify/sandbox/memory_file.h"

namespace gradus {
namespace {

constexpr int kStartSeconds = 120;  // Imports from a cold network file system take long.
constexpr int kStartAttempts = 3;
constexpr int kGroupMib = 1024;  // Of a slot beyond its programs' own limit: the interpreter.

}  // namespace

PythonSlot::PythonSlot(asio::io_context& io, const SlotOptions& options)
    : io_(io), options_(options), start_timer_(io) {
  if ((options.levels >> 3) & 1) {
    if (auto made = SlotCgroup::Make(no_group_)) group_.emplace(std::move(*made));
  }
  if (group_) group_->Allow(kGroupMib);
  StartInterpreter();
}

void PythonSlot::StartInterpreter() {
  ZygoteOptions options;
  options.preload = options_.preload;
  options.levels = group_ ? options_.levels : options_.levels & ~(1u << 3);
  options.uid = user_.uid();
  if (group_) {
    for (const auto& file : group_->joins()) options.group_files.push_back(file.string());
  }
  zygote_ = std::make_unique<Zygote>(options, report_.file());
  interpreter_ = std::make_shared<ForkServer>(io_, zygote_->TakeControl());
}

PythonSlot::Warmth PythonSlot::WaitUntilWarm() {
  const std::string message = interpreter_->Await(kStartSeconds * 1000);
  if (message.size() < 3) Fail("python3 did not start: run `python3 -c pass` to see why");
  if (message[0] != 'R') {
    const bool only_group = options_.levels == 1u << 3 && !group_;
    Fail("python3 cannot start with {}: {}{}", fmt::join(options_.preload, ", "), message.substr(1),
         only_group ? "L3: " + no_group_ : "");
  }
  const std::size_t first = message.find('\n'), second = message.find('\n', first + 1);
  Warmth warmth;
  warmth.isolation.level = level_ = message[1] - '0';
  warmth.isolation.reads_confined = message[2] == '1';
  warmth.isolation.why = message.substr(first + 1, second - first - 1);
  if (!no_group_.empty()) {
    warmth.isolation.why =
        "L3: " + no_group_ + (warmth.isolation.why.empty() ? "" : "; ") + warmth.isolation.why;
  }
  warmth.versions = message.substr(second + 1);
  return warmth;
}

void PythonSlot::Attach(Events events) {
  events_ = std::move(events);
  if (level_ >= 0) {
    state_ = State::kIdle;
  } else {
    ListenForWarmth();
  }
}

void PythonSlot::Close() {
  state_ = State::kClosed;
  events_ = {};
  ++serial_;
  if (process_) process_->Close();
  start_timer_.cancel();
  if (interpreter_) interpreter_->Close();
  zygote_.reset();
  job_ = {};
}

// --- The interpreter -------------------------------------------------------------------------

void PythonSlot::Restart() {
  interpreter_->Close();
  zygote_.reset();
  state_ = State::kBroken;
  if (failed_starts_ >= kStartAttempts) return;
  try {
    StartInterpreter();
    state_ = State::kStarting;
    ListenForWarmth();
  } catch (const Error& error) {
    Log("{}", error.what());
  }
}

void PythonSlot::ListenForWarmth() {
  start_timer_.expires_after(std::chrono::seconds(kStartSeconds));
  start_timer_.async_wait(
      [self = shared_from_this(), server = interpreter_](std::error_code error) {
        if (!error && self->state_ == State::kStarting && server == self->interpreter_) {
          self->InterpreterGone();
        }
      });
  interpreter_->Listen([self = shared_from_this(), server = interpreter_](const std::string& text) {
    if (self->state_ != State::kStarting || server != self->interpreter_) return;
    self->start_timer_.cancel();
    if (text.empty() || text[0] != 'R') {
      if (!text.empty()) Log("python3 did not restart: {}", text.substr(1));
      return self->InterpreterGone();
    }
    self->failed_starts_ = 0;
    self->level_ = text[1] - '0';
    self->state_ = State::kIdle;
    self->events_.changed();
  });
}

// The interpreter died or hangs: a new one, and the job is answered if a limit had ended it.
void PythonSlot::InterpreterGone() {
  const bool busy = state_ == State::kBusy;
  const bool judged = busy && process_->killed() != KillReason::kNone;
  ExecResult result;
  if (busy) {
    ++serial_;
    process_->Close();
    if (judged) result = Judge(EndOf(0, 0));
  }
  PythonJob job = std::move(job_);
  if (state_ == State::kStarting) ++failed_starts_;
  // The job is answered last: its handler may end this slot.
  const Events events = events_;
  Restart();
  if (judged) {
    events.ended(std::move(job), std::move(result));
  } else if (busy) {
    events.lost(std::move(job));
  } else {
    events.changed();
  }
}

// --- A job -----------------------------------------------------------------------------------

void PythonSlot::Begin(PythonJob job) {
  job_ = std::move(job);
  state_ = State::kBusy;
  if (group_) group_->Allow(job_.limits.mem_mb + kGroupMib);
  not_confined_.clear();
  report_.Clear();
  ++serial_;
  process_ = std::make_shared<JobProcess>(io_);
  if (Launch()) return;
  // The caller is in the middle of its queue: it hears of the loss from the loop.
  asio::post(io_, [self = shared_from_this(), serial = serial_] {
    if (serial == self->serial_) self->InterpreterGone();
  });
}

bool PythonSlot::Launch() {
  const std::string text = EncodeProgram(job_.program);
  const Fd output = process_->Open(OutputCap(job_.limits));
  // Behind a descriptor, so that it may be of any size.
  const Fd program = MemoryFile("gradus-program", text);
  if (!output || !program) {
    Log("cannot open a program's pipe: {}", std::strerror(errno));
    return false;
  }
  const cage::Request request = MakeRequest(serial_, text.size(), job_.limits);
  if (!interpreter_->Send(request, {program.get(), output.get()})) return false;
  Listen();
  process_->Watch(
      job_.limits.wall_s,
      [self = shared_from_this(), serial = serial_](KillReason) {
        if (serial == self->serial_) self->interpreter_->Kill(serial);
      },
      [self = shared_from_this(), serial = serial_] {
        if (serial == self->serial_) self->InterpreterGone();
      });
  return true;
}

void PythonSlot::Listen() {
  interpreter_->Listen([self = shared_from_this(), serial = serial_](const std::string& message) {
    if (serial == self->serial_) self->OnMessage(message);
  });
}

void PythonSlot::OnMessage(const std::string& message) {
  cage::NotConfined failure;
  if (message.size() == sizeof failure && message[0] == failure.kind) {
    std::memcpy(&failure, message.data(), sizeof failure);
    if (failure.id == serial_) {
      not_confined_.assign(failure.reason, ::strnlen(failure.reason, sizeof failure.reason));
    }
    return Listen();
  }
  cage::Ended ended;
  if (message.size() != sizeof ended || message[0] != ended.kind) return InterpreterGone();
  std::memcpy(&ended, message.data(), sizeof ended);
  if (ended.id != serial_) return Listen();
  process_->Close();
  Done(Judge(EndOf(ended.status, static_cast<double>(ended.cpu_us) * 1e-6)));
}

ChildEnd PythonSlot::EndOf(int status, double cpu_s) {
  ChildEnd end{status, cpu_s, process_->seconds(), process_->killed(), false};
  if (group_ && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
    const long kills = group_->oom_kills();
    end.out_of_memory = kills != std::exchange(oom_kills_, kills);
  }
  return end;
}

ExecResult PythonSlot::Judge(const ChildEnd& end) {
  if (!not_confined_.empty()) {
    ExecResult result;
    result.error = not_confined_;
    return result;
  }
  return JudgeJob(end, process_->output(), report_.Read(OutputCap(job_.limits)), job_.limits);
}

void PythonSlot::Done(ExecResult result) {
  ++serial_;
  process_ = nullptr;
  state_ = State::kIdle;
  // The handler may end this slot: nothing of it is used afterwards.
  const auto ended = events_.ended;
  ended(std::move(job_), std::move(result));
}

}  // namespace gradus
