#include "orchestrator/cluster/lease_run.h"

#include <algorithm>
#include <set>

#include "orchestrator/cluster/dispatcher.h"
#include "orchestrator/cluster/protocol.h"
#include "schemas/base/error.h"
#include "schemas/base/log.h"

namespace gradus {
namespace {

constexpr double kTickSeconds = 0.1;
constexpr double kProgressSeconds = 0.5;

// See RunLeases.
class LeaseRun {
 public:
  LeaseRun(Workforce& workforce, const std::vector<Key>& keys, LeasedWork& work)
      : workforce_(workforce),
        options_(workforce.options()),
        work_(work),
        number_(workforce.NextRun()),
        dispatcher_(keys, {options_.leases_per_worker, options_.lease_s, options_.max_failures}) {}
  void Run(const std::string& order);

 private:
  void Begin(const std::string& order);
  void Handle(const Message& message);
  void OnResult(int worker, const Result& result);
  void OnFailed(int worker, const LeaseFailed& failed);
  void Fill(int worker);
  void Abandon(const Key& key, const std::string& reason);
  void Commit();
  double SecondsUntilCommit(double now) const;
  // What does not hang on a message: deaths, expiry, the stop request, progress, stalls.
  void Tick(double now);
  void StopIfAsked();
  void RemoveTheDead();
  void RequireSearchers();
  void Expire(double now);
  void Show(double now);
  void ReportStall(double now);
  void End();

  Workforce& workforce_;
  const ClusterOptions& options_;
  LeasedWork& work_;
  std::uint32_t number_;
  Dispatcher dispatcher_;
  std::set<int> ready_;
  std::map<int, std::vector<std::uint64_t>> uncommitted_;  // Leases to acknowledge, by worker.
  double first_uncommitted_ = 0;
  double last_settled_ = 0;
  double next_tick_ = 0;
  double next_progress_ = 0;
  double next_stall_ = 0;
};

void LeaseRun::Run(const std::string& order) {
  Begin(order);
  while (!dispatcher_.Done()) {
    const double now = MonotonicSeconds();
    if (now >= next_tick_) Tick(now);
    if (dispatcher_.Done()) break;
    const double wait = std::min(next_tick_ - now, SecondsUntilCommit(now));
    if (const auto message = workforce_.Next(std::max(0.0, wait))) Handle(*message);
    if (SecondsUntilCommit(MonotonicSeconds()) <= 0) Commit();
  }
  Commit();
  Show(MonotonicSeconds());
  End();
}

void LeaseRun::Begin(const std::string& order) {
  const double now = MonotonicSeconds();
  last_settled_ = next_tick_ = next_progress_ = now;
  next_stall_ = now + options_.stall_s;
  for (const int worker : workforce_.Searchers()) {
    dispatcher_.AddWorker(worker);
    workforce_.Send(worker, BeginLeases{number_, order});
  }
}

void LeaseRun::Handle(const Message& message) {
  const Envelope envelope = Open(message.bytes);
  if (envelope.type == MessageType::kReadyForLeases) {
    if (Decode<ReadyForLeases>(envelope).lease_run != number_) return;
    ready_.insert(message.from);
    Fill(message.from);
  } else if (envelope.type == MessageType::kResult) {
    OnResult(message.from, Decode<Result>(envelope));
  } else if (envelope.type == MessageType::kLeaseFailed) {
    OnFailed(message.from, Decode<LeaseFailed>(envelope));
  }
}

void LeaseRun::OnResult(int worker, const Result& result) {
  if (result.lease_run != number_) return;
  const Acceptance acceptance = dispatcher_.Accept(worker, result.lease, result.key);
  if (acceptance == Acceptance::kStale) return;
  if (acceptance == Acceptance::kFirst) {
    work_.Accept(result.key, result.bytes);
    last_settled_ = MonotonicSeconds();
    next_stall_ = last_settled_ + options_.stall_s;
  }
  if (uncommitted_.empty()) first_uncommitted_ = MonotonicSeconds();
  uncommitted_[worker].push_back(result.lease);
  Fill(worker);
}

void LeaseRun::OnFailed(int worker, const LeaseFailed& failed) {
  if (failed.lease_run != number_) return;
  const Failure failure = dispatcher_.Fail(worker, failed.lease, failed.key);
  if (failure == Failure::kAbandoned) Abandon(failed.key, failed.reason);
  Fill(worker);
}

void LeaseRun::Fill(int worker) {
  for (const Grant& grant : dispatcher_.GrantTo(worker, MonotonicSeconds())) {
    workforce_.Send(worker, Lease{grant.lease, number_, grant.key, work_.Payload(grant.key)});
  }
}

void LeaseRun::Abandon(const Key& key, const std::string& reason) {
  Log("abandoned {}: {}", ToString(key), reason);
  last_settled_ = MonotonicSeconds();
  work_.Abandon(key, reason);
}

double LeaseRun::SecondsUntilCommit(double now) const {
  if (uncommitted_.empty()) return kTickSeconds;
  return first_uncommitted_ + options_.commit_ms / 1000 - now;
}

void LeaseRun::Commit() {
  // Also without accepted results: abandoned keys want to be durable, too.
  work_.Commit();
  for (auto& [worker, leases] : uncommitted_) workforce_.Send(worker, Ack{std::move(leases)});
  uncommitted_.clear();
}

void LeaseRun::Tick(double now) {
  next_tick_ = now + kTickSeconds;
  StopIfAsked();
  RemoveTheDead();
  Expire(now);
  for (const int worker : ready_) Fill(worker);
  if (now >= next_progress_) Show(now);
  if (now >= next_stall_) ReportStall(now);
}

void LeaseRun::StopIfAsked() {
  if (!work_.StopWasAsked()) return;
  Commit();
  End();
  throw Error("stopped on request, state is saved: run again to continue", ExitCode::kStopped);
}

void LeaseRun::RemoveTheDead() {
  for (const Workforce::Departure& departure : workforce_.TakeDepartures()) {
    ready_.erase(departure.rank);
    const std::size_t leases = dispatcher_.RemoveWorker(departure.rank);
    work_.NoteLost(departure.rank, departure.reason, leases);
  }
  try {
    RequireSearchers();
  } catch (const Error&) {
    Commit();
    throw;
  }
}

void LeaseRun::RequireSearchers() {
  workforce_.RequireEnough();
  if (!dispatcher_.Workers().empty()) return;
  throw Error(fmt::format("no worker that searches is left ({}): relaunch to continue",
                          workforce_.roster().Departures()),
              ExitCode::kTrainersLost);
}

void LeaseRun::Expire(double now) {
  for (const ExpiredLease& expired : dispatcher_.Expire(now)) {
    const std::string reason =
        fmt::format("no result within {} s (cluster.lease_s)", options_.lease_s);
    Log("lease of {} on rank {} expired: {}", ToString(expired.grant.key), expired.grant.worker,
        reason);
    if (expired.abandoned) Abandon(expired.grant.key, reason);
  }
}

void LeaseRun::Show(double now) {
  next_progress_ = now + kProgressSeconds;
  LeaseProgress progress{dispatcher_.settled(), dispatcher_.total(), {}};
  for (const int worker : dispatcher_.Workers()) {
    progress.counters[worker] = workforce_.roster().At(worker).counters;
  }
  work_.Show(progress);
}

void LeaseRun::ReportStall(double now) {
  next_stall_ = now + options_.stall_s;
  const auto oldest = dispatcher_.Oldest();
  if (!oldest) {
    Log("stall: no result for {:.0f} s; waiting for the workers to get ready ({} of {} are)",
        now - last_settled_, ready_.size(), dispatcher_.Workers().size());
    return;
  }
  const int worker = oldest->grant.worker;
  Log("stall: no result for {:.0f} s; waiting for rank {} on {}, leased {:.0f} s ago; the rank was "
      "heard "
      "{:.1f} s ago; {} of {} keys are open",
      now - last_settled_, worker, ToString(oldest->grant.key), now - oldest->since,
      now - workforce_.roster().At(worker).last_seen, dispatcher_.total() - dispatcher_.settled(),
      dispatcher_.total());
}

void LeaseRun::End() {
  for (const int worker : dispatcher_.Workers()) workforce_.Send(worker, EndLeases{number_});
}

}  // namespace

void RunLeases(Workforce& workforce, const std::string& order, const std::vector<Key>& keys,
               LeasedWork& work) {
  if (!keys.empty()) LeaseRun(workforce, keys, work).Run(order);
}

}  // namespace gradus
