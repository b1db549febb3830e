#include "verify/command/checker_pool.h"

#include <algorithm>
#include <utility>

#include "schemas/base/error.h"
#include "schemas/base/log.h"
#include "verify/sandbox/cage_setup.h"

namespace gradus {
namespace {

constexpr int kAttempts = 2;
constexpr int kGroupMib = 256;  // Of a slot beyond one process's own limit.

const char* NameOf(CheckerProcess::Fault fault) {
  constexpr const char* kNames[] = {"", "checker-crashed", "checker-silent", "checker-flood"};
  return kNames[static_cast<int>(fault)];
}

std::size_t MostBytes(const ExecLimits& limits) {
  return static_cast<std::size_t>(limits.out_kb) << 10;
}

CheckerReply Read(const CheckerProcess::Reply& reply, const CheckerRequest& request,
                  const std::string& id) {
  CheckerReply result{{}, NameOf(reply.fault), "", reply.wall_s};
  if (reply.fault == CheckerProcess::Fault::kSilent) {
    result.detail = fmt::format("no answer within {:.3g} s", reply.wall_s);
  } else if (reply.fault == CheckerProcess::Fault::kFlood) {
    result.detail = fmt::format("an answer of more than {} KiB", request.limits.out_kb);
  }
  if (reply.fault != CheckerProcess::Fault::kNone) return result;
  auto read = ParseAnswer(reply.line, request, id);
  if (auto* answer = std::get_if<CheckerAnswer>(&read)) {
    result.answer = std::move(*answer);
  } else {
    result.fault = "checker-nonsense";
    result.detail = std::get<std::string>(std::move(read));
  }
  return result;
}

}  // namespace

CheckerPool::CheckerPool(asio::io_context& io, CheckerProgram program,
                         const CommandOptions& options)
    : io_(io),
      program_(std::move(program)),
      options_(options),
      greeting_{RequestMode::kStep, {}, {}, options.limits},
      levels_(*ReadLevels(options.level)) {
  const std::string no_group = MakeSlots();
  if (levels_ == 0) Fail("no isolation for the checker: L3: {}", no_group);
  Slot& first = *slots_[0];
  first.process = Launch(first);
  isolation_ = first.process->WaitUntilConfined();
  levels_ = 1u << isolation_.level;
  if (!no_group.empty()) {
    isolation_.why = "L3: " + no_group + (isolation_.why.empty() ? "" : "; ") + isolation_.why;
  }
  Greet(first);
}

std::string CheckerPool::MakeSlots() {
  std::string why;
  for (int i = 0; i < options_.processes; ++i) {
    slots_.push_back(std::make_unique<Slot>());
    if (((levels_ >> 3) & 1) == 0) continue;
    if (auto made = SlotCgroup::Make(why)) {
      slots_.back()->group.emplace(std::move(*made)).Allow(options_.limits.mem_mb + kGroupMib);
    } else {
      levels_ &= ~(1u << 3);
    }
  }
  return why;
}

CheckerPool::~CheckerPool() {
  for (auto& slot : slots_) Down(*slot);
}

void CheckerPool::Ask(CheckerRequest request, std::function<void(CheckerReply)> done) {
  waiting_.push_back({std::move(request), std::move(done)});
  Pump();
}

VerifierCounters CheckerPool::Counters() const {
  return {answered_.load(), static_cast<double>(cpu_us_.load()) * 1e-6};
}

// --- A process ---------------------------------------------------------------------------------

std::shared_ptr<CheckerProcess> CheckerPool::Launch(Slot& slot) {
  ConfinedOptions options;
  options.command = program_.words;
  options.reads = program_.reads;
  options.levels = levels_;
  options.uid = slot.user.uid();
  options.mem_mb = options_.limits.mem_mb;
  if (slot.group) {
    for (const auto& file : slot.group->joins()) options.group_files.push_back(file.string());
  }
  return std::make_shared<CheckerProcess>(io_, options);
}

void CheckerPool::Start(Slot& slot) try {
  slot.process = Launch(slot);
  Greet(slot);
} catch (const Error& error) {
  OnNotGreeted(slot, error.what());
}

void CheckerPool::Greet(Slot& slot) {
  slot.phase = Phase::kGreeting;
  Send(slot, greeting_, options_.start_s);
}

void CheckerPool::Send(Slot& slot, const CheckerRequest& request, double wall_s) {
  const std::string id = FreshId();
  slot.process->Ask(
      RequestLine(request, id), wall_s, MostBytes(request.limits),
      [this, &slot, id](const CheckerProcess::Reply& reply) { OnReply(slot, id, reply); });
}

std::string CheckerPool::Down(Slot& slot) {
  slot.phase = Phase::kDown;
  if (!slot.process) return "";
  const auto process = std::exchange(slot.process, nullptr);
  const ProcessEnd end = process->End();
  cpu_us_.fetch_add(static_cast<std::uint64_t>(end.cpu_s * 1e6), std::memory_order_relaxed);
  const std::string words = process->LastWords();
  return end.how + (words.empty() ? "" : "; its last words: " + words);
}

void CheckerPool::OnReply(Slot& slot, const std::string& id, const CheckerProcess::Reply& reply) {
  const bool greeting = slot.phase == Phase::kGreeting;
  CheckerReply result = Read(reply, greeting ? greeting_ : slot.job->request, id);
  if (greeting && result.answer) return OnGreeted(slot);
  if (!result.answer) return OnFault(slot, std::move(result));
  answered_.fetch_add(1, std::memory_order_relaxed);
  failed_starts_ = 0;
  const auto done = std::move(slot.job->done);
  slot.job.reset();
  slot.phase = Phase::kIdle;
  Pump();
  done(std::move(result));
}

void CheckerPool::OnGreeted(Slot& slot) {
  if (slot.job) {
    slot.phase = Phase::kBusy;
    return Send(slot, slot.job->request, slot.job->request.limits.wall_s);
  }
  slot.phase = Phase::kIdle;
  Pump();
}

void CheckerPool::OnNotGreeted(Slot& slot, const std::string& why) {
  slot.phase = Phase::kDown;
  if (slot.job) waiting_.push_front(std::move(*slot.job));
  slot.job.reset();
  NoteFailedStart(why);
  Pump();
}

void CheckerPool::NoteFailedStart(const std::string& why) {
  if (++failed_starts_ >= options_.starts) broken_ = why;
}

void CheckerPool::OnFault(Slot& slot, CheckerReply reply) {
  const bool greeting = slot.phase == Phase::kGreeting;
  const std::string how = Down(slot);
  reply.detail += (reply.detail.empty() ? "" : "; its end: ") + how;
  if (greeting) {
    return OnNotGreeted(slot, fmt::format("{} on the empty state: {}", reply.fault, reply.detail));
  }
  if (++slot.job->attempts < kAttempts) {
    if (broken_.empty()) return Start(slot);
    waiting_.push_front(std::move(*slot.job));
    slot.job.reset();
    return Pump();
  }
  const auto done = std::move(slot.job->done);
  slot.job.reset();
  Pump();
  done(std::move(reply));
}

// --- The queue ---------------------------------------------------------------------------------

void CheckerPool::Pump() {
  for (auto& slot : slots_) {
    if (waiting_.empty()) return;
    if (slot->phase != Phase::kIdle) continue;
    // It ended, or wrote what nobody asked for, since its last answer: no request is to blame.
    if (!slot->process->Quiet()) {
      NoteFailedStart("it ends, or writes more than its answers: " + Down(*slot));
      continue;
    }
    slot->job = std::move(waiting_.front());
    waiting_.pop_front();
    slot->phase = Phase::kBusy;
    Send(*slot, slot->job->request, slot->job->request.limits.wall_s);
  }
  broken_.empty() ? StartWhereNeeded() : GiveUp();
}

void CheckerPool::StartWhereNeeded() {
  std::size_t coming = 0;
  for (const auto& slot : slots_) coming += slot->phase == Phase::kGreeting && !slot->job;
  for (auto& slot : slots_) {
    if (coming >= waiting_.size()) return;
    if (slot->phase != Phase::kDown) continue;
    ++coming;
    Start(*slot);
    if (slot->phase == Phase::kDown) return;  // It failed at once, and all was seen to.
  }
}

// When the last process is gone as well.
void CheckerPool::GiveUp() {
  const auto down = [](const auto& slot) { return slot->phase == Phase::kDown; };
  if (!std::all_of(slots_.begin(), slots_.end(), down)) return;
  const std::string why = broken_;
  for (Job& job : std::exchange(waiting_, {})) job.done({{}, "checker-broken", why, 0});
}

}  // namespace gradus
