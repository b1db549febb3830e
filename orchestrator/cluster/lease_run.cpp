#include "orchestrator/cluster/lease_run.h"

#include <algorithm>

#include "schemas/base/error.h"
#include "schemas/base/log.h"

namespace gradus {
namespace {

constexpr double kTickSeconds = 0.1;
constexpr double kProgressSeconds = 0.5;

}  // namespace

LeaseRun::LeaseRun(Workforce& workforce, const ClusterOptions& options, std::uint32_t lease_run,
                   const std::vector<Key>& keys, const PhaseCallbacks& callbacks)
    : workforce_(workforce),
      options_(options),
      lease_run_(lease_run),
      callbacks_(callbacks),
      dispatcher_(keys, {options.leases_per_worker, options.lease_s, options.max_failures}) {}

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
  ReportProgress(MonotonicSeconds());
  End();
}

void LeaseRun::Begin(const std::string& order) {
  const double now = MonotonicSeconds();
  last_settled_ = next_tick_ = next_progress_ = now;
  next_stall_ = now + options_.stall_s;
  for (const int worker : workforce_.Searchers()) {
    dispatcher_.AddWorker(worker);
    workforce_.Send(worker, BeginLeases{lease_run_, order});
  }
}

void LeaseRun::Handle(const Message& message) {
  const Envelope envelope = Open(message.bytes);
  if (envelope.type == MessageType::kReadyForLeases) {
    if (Decode<ReadyForLeases>(envelope).lease_run != lease_run_) return;
    ready_.insert(message.from);
    Fill(message.from);
  } else if (envelope.type == MessageType::kResult) {
    OnResult(message.from, Decode<Result>(envelope));
  } else if (envelope.type == MessageType::kFailed) {
    OnFailed(message.from, Decode<Failed>(envelope));
  }
}

void LeaseRun::OnResult(int worker, const Result& result) {
  if (result.lease_run != lease_run_) return;
  const Acceptance acceptance = dispatcher_.Accept(worker, result.lease, result.key);
  if (acceptance == Acceptance::kStale) return;
  if (acceptance == Acceptance::kFirst) {
    callbacks_.accept(result.key, result.bytes);
    last_settled_ = MonotonicSeconds();
    next_stall_ = last_settled_ + options_.stall_s;
  }
  if (uncommitted_.empty()) first_uncommitted_ = MonotonicSeconds();
  uncommitted_[worker].push_back(result.lease);
  Fill(worker);
}

void LeaseRun::OnFailed(int worker, const Failed& failed) {
  if (failed.lease_run != lease_run_) return;
  const Failure failure = dispatcher_.Fail(worker, failed.lease, failed.key);
  if (failure == Failure::kAbandoned) Abandon(failed.key, failed.reason);
  Fill(worker);
}

void LeaseRun::Fill(int worker) {
  for (const Grant& grant : dispatcher_.GrantTo(worker, MonotonicSeconds())) {
    workforce_.Send(worker, Lease{grant.lease, lease_run_, grant.key,
                                  callbacks_.payload ? callbacks_.payload(grant.key) : ""});
  }
}

void LeaseRun::Abandon(const Key& key, const std::string& reason) {
  Log("abandoned {}: {}", ToString(key), reason);
  last_settled_ = MonotonicSeconds();
  if (callbacks_.abandon) callbacks_.abandon(key, reason);
}

double LeaseRun::SecondsUntilCommit(double now) const {
  if (uncommitted_.empty()) return kTickSeconds;
  return first_uncommitted_ + options_.commit_ms / 1000 - now;
}

void LeaseRun::Commit() {
  // Also without accepted results: abandoned keys want to be durable, too.
  if (callbacks_.commit) callbacks_.commit();
  for (auto& [worker, leases] : uncommitted_) workforce_.Send(worker, Ack{std::move(leases)});
  uncommitted_.clear();
}

void LeaseRun::Tick(double now) {
  next_tick_ = now + kTickSeconds;
  if (callbacks_.stop && callbacks_.stop()) {
    Commit();
    End();
    throw Error("stopped on request, state is saved: run again to continue", ExitCode::kStopped);
  }
  RemoveTheDead();
  for (const ExpiredLease& expired : dispatcher_.Expire(now)) {
    const std::string reason =
        fmt::format("no result within {} s (cluster.lease_s)", options_.lease_s);
    Log("lease of {} on rank {} expired: {}", ToString(expired.grant.key), expired.grant.worker,
        reason);
    if (expired.abandoned) Abandon(expired.grant.key, reason);
  }
  for (const int worker : ready_) Fill(worker);
  if (now >= next_progress_) ReportProgress(now);
  if (now >= next_stall_) ReportStall(now);
}

void LeaseRun::RemoveTheDead() {
  for (const Workforce::Departure& departure : workforce_.TakeDepartures()) {
    ready_.erase(departure.rank);
    const std::size_t leases = dispatcher_.RemoveWorker(departure.rank);
    if (callbacks_.lost) callbacks_.lost(departure.rank, departure.reason, leases);
  }
  const bool nobody = dispatcher_.Workers().empty();
  try {
    workforce_.RequireEnough();
    if (nobody) {
      throw Error(fmt::format("no worker that searches is left ({}): relaunch to continue",
                              workforce_.roster().Departures()),
                  ExitCode::kTrainersLost);
    }
  } catch (const Error&) {
    Commit();
    throw;
  }
}

void LeaseRun::ReportProgress(double now) {
  next_progress_ = now + kProgressSeconds;
  if (!callbacks_.progress) return;
  PhaseProgress progress{dispatcher_.settled(), dispatcher_.total(), 0, {}};
  for (const int worker : dispatcher_.Workers()) {
    ++progress.workers;
    progress.worker_counters[worker] = workforce_.roster().At(worker).counters;
  }
  callbacks_.progress(progress);
}

void LeaseRun::ReportStall(double now) {
  next_stall_ = now + options_.stall_s;
  const auto oldest = dispatcher_.Oldest();
  if (!oldest) {
    Log("stall: no result for {:.0f} s; waiting for the workers to get ready for the phase ({} of "
        "{} are)",
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
  for (const int worker : dispatcher_.Workers()) workforce_.Send(worker, EndLeases{lease_run_});
}

}  // namespace gradus
