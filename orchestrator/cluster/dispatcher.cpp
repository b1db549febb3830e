#include "orchestrator/cluster/dispatcher.h"

#include <algorithm>

#include "schemas/base/error.h"

namespace gradus {

Dispatcher::Dispatcher(const std::vector<Key>& keys, const DispatcherOptions& options)
    : options_(options), queue_(keys.begin(), keys.end()), queued_(keys.size()) {
  for (const Key& key : keys) {
    Require(keys_.try_emplace(key).second, "the dispatcher was given a key twice");
  }
}

void Dispatcher::AddWorker(int worker) { workers_.try_emplace(worker); }

std::size_t Dispatcher::RemoveWorker(int worker) {
  const auto found = workers_.find(worker);
  if (found == workers_.end()) return 0;
  const std::set<std::uint64_t> held = std::move(found->second);
  workers_.erase(found);
  // Newest first, so that the front of the queue ends up in the order the keys were handed out.
  for (auto lease = held.rbegin(); lease != held.rend(); ++lease) {
    const Key key = leases_.at(*lease).grant.key;
    leases_.erase(*lease);
    KeyState& state = keys_.at(key);
    --state.holders;
    Requeue(key, state, true);
  }
  return held.size();
}

std::vector<Grant> Dispatcher::GrantTo(int worker, double now) {
  std::vector<Grant> grants;
  const auto found = workers_.find(worker);
  if (found == workers_.end()) return grants;
  const auto held = found->second.size();
  const std::size_t allowance = Allowance(held);
  while (grants.size() < allowance) {
    const std::optional<Key> key = PopQueue();
    if (!key) break;
    grants.push_back(Issue(worker, *key, now));
  }
  if (grants.empty() && held == 0) {
    if (const std::optional<Key> key = KeyToReissue(worker)) {
      keys_.at(*key).reissued = true;
      grants.push_back(Issue(worker, *key, now));
    }
  }
  return grants;
}

std::size_t Dispatcher::Allowance(std::size_t held) const {
  const std::size_t unsettled = keys_.size() - settled_;
  const std::size_t share = (unsettled + workers_.size() - 1) / workers_.size();
  const std::size_t limit = std::min(static_cast<std::size_t>(options_.leases_per_worker), share);
  return limit > held ? limit - held : 0;
}

Grant Dispatcher::Issue(int worker, const Key& key, double now) {
  const Grant grant{next_lease_++, worker, key};
  leases_.emplace(grant.lease, LeaseState{grant, now});
  workers_.at(worker).insert(grant.lease);
  KeyState& state = keys_.at(key);
  state.state = State::kLeased;
  ++state.holders;
  return grant;
}

std::optional<Key> Dispatcher::PopQueue() {
  while (!queue_.empty()) {
    const Key key = queue_.front();
    queue_.pop_front();
    if (keys_.at(key).state != State::kQueued) continue;
    --queued_;
    return key;
  }
  return std::nullopt;
}

std::optional<Key> Dispatcher::KeyToReissue(int worker) const {
  for (const auto& [lease, out] : leases_) {
    const KeyState& state = keys_.at(out.grant.key);
    if (state.state == State::kLeased && !state.reissued && out.grant.worker != worker) {
      return out.grant.key;
    }
  }
  return std::nullopt;
}

void Dispatcher::Requeue(const Key& key, KeyState& state, bool front) {
  if (state.state != State::kLeased || state.holders > 0) return;
  state.state = State::kQueued;
  state.reissued = false;
  ++queued_;
  if (front) {
    queue_.push_front(key);
  } else {
    queue_.push_back(key);
  }
}

bool Dispatcher::Return(int worker, std::uint64_t lease, const Key& key) {
  const auto out = leases_.find(lease);
  if (out == leases_.end() || out->second.grant.worker != worker || out->second.grant.key != key) {
    return false;
  }
  leases_.erase(out);
  workers_.at(worker).erase(lease);
  --keys_.at(key).holders;
  return true;
}

void Dispatcher::Settle(KeyState& state) {
  if (state.state == State::kQueued) --queued_;
  state.state = State::kSettled;
  ++settled_;
}

Acceptance Dispatcher::Accept(int worker, std::uint64_t lease, const Key& key) {
  const auto found = keys_.find(key);
  if (found == keys_.end() || !workers_.contains(worker)) return Acceptance::kStale;
  // The lease may have expired: a result is a function of its key, so a late one is as good.
  Return(worker, lease, key);
  if (found->second.state == State::kSettled) return Acceptance::kDuplicate;
  Settle(found->second);
  return Acceptance::kFirst;
}

Failure Dispatcher::Fail(int worker, std::uint64_t lease, const Key& key) {
  const auto found = keys_.find(key);
  if (found == keys_.end() || !workers_.contains(worker)) return Failure::kStale;
  if (!Return(worker, lease, key)) return Failure::kStale;
  if (found->second.state == State::kSettled) return Failure::kStale;
  return CountFailure(key, found->second);
}

Failure Dispatcher::CountFailure(const Key& key, KeyState& state) {
  if (++state.failures >= options_.max_failures) {
    Settle(state);
    return Failure::kAbandoned;
  }
  Requeue(key, state, false);
  return Failure::kRequeued;
}

std::vector<ExpiredLease> Dispatcher::Expire(double now) {
  std::vector<ExpiredLease> expired;
  while (!leases_.empty() && now - leases_.begin()->second.since > options_.lease_s) {
    const Grant grant = leases_.begin()->second.grant;
    Return(grant.worker, grant.lease, grant.key);
    KeyState& state = keys_.at(grant.key);
    if (state.state != State::kLeased) continue;
    expired.push_back({grant, CountFailure(grant.key, state) == Failure::kAbandoned});
  }
  return expired;
}

std::vector<int> Dispatcher::Workers() const {
  std::vector<int> workers;
  for (const auto& [worker, held] : workers_) workers.push_back(worker);
  return workers;
}

std::optional<Dispatcher::Outstanding> Dispatcher::Oldest() const {
  for (const auto& [lease, out] : leases_) {
    if (keys_.at(out.grant.key).state == State::kLeased) return Outstanding{out.grant, out.since};
  }
  return std::nullopt;
}

}  // namespace gradus
