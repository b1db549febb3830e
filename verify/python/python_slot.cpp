#include "verify/python/python_slot.h"

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <asio/post.hpp>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <span>
#include <utility>

#include "schemas/base/bytes.h"
#include "schemas/base/error.h"
#include "schemas/base/log.h"
#include "verify/sandbox/cage_setup.h"
#include "verify/sandbox/level.h"
#include "verify/sandbox/memory_file.h"

namespace gradus {
namespace {

constexpr int kStartSeconds = 120;  // Imports from a cold network file system take long.
constexpr int kStartAttempts = 3;
constexpr double kLeastSeconds = 0.05;  // For a step, whatever those before it have used.
constexpr int kGroupMib = 1024;  // Of a slot beyond its programs' own limit: interpreter, prefixes.

}  // namespace

std::vector<std::string> KeysOf(const Program& program, const ExecLimits& limits) {
  ByteWriter writer;
  writer.Put(limits.wall_s).Put(limits.cpu_s).Put(limits.mem_mb).Put(limits.out_kb);
  for (const std::string& step : program.allowed_steps) writer.PutString(step);
  std::string key = writer.Take();
  std::vector<std::string> keys;
  for (const std::string& step : program.steps) {
    key += ByteWriter().PutString(step).Take();
    keys.push_back(key);
  }
  return keys;
}

PythonSlot::PythonSlot(asio::io_context& io, const SlotOptions& options)
    : io_(io), options_(options), start_timer_(io), prefixes_(options.kept_prefixes) {
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
  options.uid = UserOfSlot(options_.index);
  if (group_) {
    for (const auto& file : group_->joins()) options.group_files.push_back(file.string());
  }
  zygote_ = std::make_unique<Zygote>(options);
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
  if (candidate_) candidate_->Close();
  prefixes_.ForgetAll();
  start_timer_.cancel();
  if (interpreter_) interpreter_->Close();
  zygote_.reset();
  job_ = {};
}

// --- The interpreter -------------------------------------------------------------------------

void PythonSlot::Restart() {
  prefixes_.ForgetAll();
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
    if (candidate_) candidate_->Close();
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

// Below L2 nothing would end the descendants of a kept process, so there it cannot have any.
bool PythonSlot::UsesPrefixes(const PythonJob& job) const {
  return job.keys.size() > 1 && level_ >= 2 && options_.kept_prefixes > 0;
}

bool PythonSlot::Knows(const PythonJob& job) const {
  return UsesPrefixes(job) && prefixes_.Has(job.keys[job.keys.size() - 2]);
}

void PythonSlot::Begin(PythonJob job) {
  job_ = std::move(job);
  state_ = State::kBusy;
  if (group_) group_->Allow(job_.limits.mem_mb + kGroupMib);
  UsesPrefixes(job_) ? RunStep() : RunWhole();
}

void PythonSlot::RunWhole() {
  Launch(Phase::kWhole, {interpreter_, nullptr}, job_.program.steps, -1);
}

// The last step, from the kept prefix; where that is missing it is made first, from the longest
// prefix that is there.
void PythonSlot::RunStep() {
  const std::span<const std::string> prefixes(job_.keys.data(), job_.keys.size() - 1);
  const auto longest = prefixes_.Longest(prefixes);
  Origin origin{interpreter_, nullptr};
  origin_key_ = longest ? prefixes[*longest] : "";
  founder_ = longest ? prefixes_.FounderOf(origin_key_) : "";
  if (longest) origin = {prefixes_.At(origin_key_).server, &prefixes_.At(origin_key_)};
  if (longest && *longest + 1 == prefixes.size()) {
    return Launch(Phase::kStep, origin, {job_.program.steps.back()}, -1);
  }
  if (!costs_.Pays(PrefixKey())) return RunWhole();
  RunPrefix(longest ? *longest + 1 : 0, origin);
}

void PythonSlot::RunPrefix(std::size_t first, const Origin& origin) {
  int sockets[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sockets) != 0) {
    return RunWhole();
  }
  candidate_ = std::make_shared<ForkServer>(io_, Fd(sockets[0]));
  const Fd theirs(sockets[1]);
  const std::vector<std::string>& steps = job_.program.steps;
  Launch(Phase::kPrefix, origin,
         {steps.begin() + static_cast<std::ptrdiff_t>(first), steps.end() - 1}, theirs.get());
}

void PythonSlot::Launch(Phase phase, const Origin& origin, const std::vector<std::string>& steps,
                        int control) {
  phase_ = phase;
  if (!origin.kept) founder_ = origin_key_ = "";
  carried_ = origin.kept ? origin.kept->output : "";
  carried_cpu_s_ = origin.kept ? origin.kept->cpu_s : 0;
  carried_wall_s_ = origin.kept ? origin.kept->wall_s : 0;
  const std::uint64_t serial = ++serial_;
  process_ = std::make_shared<JobProcess>(io_);
  const std::string text = EncodeProgram({steps, job_.program.allowed_steps});
  const std::size_t cap = OutputCap(job_.limits);
  auto ends = process_->Open(cap - std::min(cap, carried_.size()));
  // Behind a descriptor, so that it may be of any size.
  const Fd program = MemoryFile("gradus-program", text);
  if (!ends || !program) Log("cannot open a program's pipes: {}", std::strerror(errno));
  cage::Request request =
      MakeRequest(serial, process_->nonce(), text.size(), job_.limits, carried_cpu_s_);
  request.keep = phase == Phase::kPrefix;
  const bool sent = ends && program &&
                    origin.server->Send(
                        request, {program.get(), ends->output.get(), ends->result.get(), control});
  const auto self = shared_from_this();
  if (!sent) {
    // The caller is in the middle of its queue: it hears of the loss from the loop.
    asio::post(io_, [self, serial, server = origin.server] {
      if (serial == self->serial_) self->OnServerGone(server);
    });
    return;
  }
  ListenToServer(origin.server);
  if (phase == Phase::kPrefix) ListenToKept();
  process_->Watch(
      std::max(kLeastSeconds, job_.limits.wall_s - carried_wall_s_),
      [self, serial](KillReason) {
        if (serial == self->serial_) self->AskToEnd();
      },
      [self, serial] {
        if (serial == self->serial_) self->InterpreterGone();
      });
}

void PythonSlot::ListenToServer(const std::shared_ptr<ForkServer>& server) {
  server->Listen([self = shared_from_this(), serial = serial_, server](const std::string& message) {
    if (serial == self->serial_) self->OnServerMessage(server, message);
  });
}

void PythonSlot::ListenToKept() {
  candidate_->Listen([self = shared_from_this(), serial = serial_](const std::string& message) {
    if (serial == self->serial_) self->OnKeptReady(message);
  });
}

void PythonSlot::OnServerMessage(const std::shared_ptr<ForkServer>& server,
                                 const std::string& message) {
  if (message.empty()) return OnServerGone(server);
  cage::Ended ended;
  if (message[0] != ended.kind || message.size() != sizeof ended) return OnServerGone(server);
  std::memcpy(&ended, message.data(), sizeof ended);
  if (ended.id == serial_) return OnEnded(ended);
  ListenToServer(server);  // Of a kept process that was let go.
}

void PythonSlot::OnServerGone(const std::shared_ptr<ForkServer>& server) {
  if (server == interpreter_) return InterpreterGone();
  process_->Close();
  if (candidate_) candidate_->Close();
  ForgetFamilyOf(origin_key_);
  if (process_->killed() != KillReason::kNone) return Done(Judge(EndOf(0, 0)));
  RunWhole();
}

// A kept process cannot end its own children: it is ended with its whole family.
void PythonSlot::AskToEnd() {
  if (founder_.empty()) {
    interpreter_->Kill(serial_);
  } else {
    ForgetFamilyOf(origin_key_);
  }
}

void PythonSlot::ForgetFamilyOf(const std::string& key) {
  const std::vector<Kept> gone = prefixes_.ForgetFamily(key);
  if (!gone.empty()) interpreter_->Kill(gone.back().id);
}

void PythonSlot::OnEnded(const cage::Ended& ended) {
  process_->Close();
  const ChildEnd end = EndOf(ended.status, static_cast<double>(ended.cpu_us) * 1e-6);
  if (phase_ != Phase::kWhole && AsksForRerun(process_->frame(), process_->nonce())) {
    return RunWhole();
  }
  if (phase_ == Phase::kStep && !process_->finished()) {
    // Somebody still holds its pipe: the kept process told us what is not so.
    ForgetFamilyOf(origin_key_);
    return RunWhole();
  }
  ExecResult result = Judge(end);
  if (phase_ == Phase::kPrefix) {
    candidate_->Close();
    const bool final = result.outcome == Outcome::kWallTimeout ||
                       result.outcome == Outcome::kCpuTimeout ||
                       result.outcome == Outcome::kOutputLimit;
    if (!final) {
      costs_.Refuse(PrefixKey());  // In front of each step it runs again.
      return RunWhole();
    }
  }
  Done(std::move(result));
}

// 'R' and the CPU seconds that it says to have used: it would only cheat itself.
void PythonSlot::OnKeptReady(const std::string& message) {
  if (message.empty()) return;  // It ended: its server tells next.
  process_->Close();
  const double cpu_s = std::clamp(std::strtod(message.c_str() + 1, nullptr), 0.0, 1e6);
  const ExecResult result = Judge(EndOf(0, cpu_s));
  if (message[0] != 'R' || !process_->finished() || result.outcome != Outcome::kOk) {
    if (founder_.empty()) interpreter_->Kill(serial_);
    candidate_->Close();
    ForgetFamilyOf(origin_key_);
    return RunWhole();
  }
  (origin_key_.empty() ? interpreter_ : prefixes_.At(origin_key_).server)->Quiet();
  Kept kept{std::move(candidate_), serial_, result.output, carried_cpu_s_ + cpu_s,
            carried_wall_s_ + result.wall_s};
  candidate_ = nullptr;
  prefixes_.Keep(PrefixKey(), origin_key_, std::move(kept));
  RunStep();
}

ChildEnd PythonSlot::EndOf(int status, double cpu_s) {
  ChildEnd end{status, cpu_s, process_->seconds(), process_->killed(), false, carried_cpu_s_};
  if (group_ && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
    const long kills = group_->oom_kills();
    end.out_of_memory = kills != std::exchange(oom_kills_, kills);
  }
  return end;
}

ExecResult PythonSlot::Judge(const ChildEnd& end) {
  return JudgeJob(end, carried_ + process_->output(), process_->frame(), process_->nonce(),
                  job_.limits);
}

void PythonSlot::Done(ExecResult result) {
  if (UsesPrefixes(job_) && result.outcome == Outcome::kOk) {
    costs_.Note(job_.keys.back(), carried_cpu_s_ + result.cpu_s, phase_ == Phase::kWhole);
  }
  ++serial_;
  process_ = nullptr;
  state_ = State::kIdle;
  // The handler may end this slot: nothing of it is used afterwards.
  const auto ended = events_.ended;
  ended(std::move(job_), std::move(result));
}

}  // namespace gradus
