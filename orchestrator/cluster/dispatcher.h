#pragma once
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "schemas/ids.h"

namespace gradus {

struct DispatcherOptions {
  int leases_per_worker = 48;
  double lease_s = 3600;
  int max_failures = 3;
};

// One key handed to one worker.
struct Grant {
  std::uint64_t lease = 0;
  int worker = 0;
  Key key;
};

struct ExpiredLease {
  Grant grant;
  bool abandoned = false;  // Its key has failed too often now and is given up.
};

enum class Acceptance : std::uint8_t {
  kFirst,      // The result counts.
  kDuplicate,  // The key was settled before.
  kStale,      // From a worker that was removed, or for a key of another part.
};

enum class Failure : std::uint8_t { kStale, kRequeued, kAbandoned };

// Which key is worked on by whom. Pure logic: no clock, no messages, no threads; the same calls
// give the same answers. Every key is settled exactly once, by its first result or by being
// abandoned.
class Dispatcher {
 public:
  // Keys are handed out in this order. REQUIRES: no key twice.
  Dispatcher(const std::vector<Key>& keys, const DispatcherOptions& options);

  void AddWorker(int worker);
  // Its leases return to the front of the queue; returns how many there were. A worker that was
  // removed gets nothing and nothing is taken from it any more.
  std::size_t RemoveWorker(int worker);

  // Leases for one worker, within its credits and its fair share: nobody holds more than 1 /
  // workers of what is unsettled, so small parts start balanced and a slow worker gets nothing
  // more near the end. With an empty queue an idle worker gets the oldest key that others still
  // work on, once per key: the first wins.
  std::vector<Grant> GrantTo(int worker, double now);

  Acceptance Accept(int worker, std::uint64_t lease, const Key& key);
  // A key that failed on max_failures leases is abandoned.
  Failure Fail(int worker, std::uint64_t lease, const Key& key);
  // Leases older than lease_s end; that counts as a failure of their keys.
  std::vector<ExpiredLease> Expire(double now);

  bool Done() const { return settled_ == keys_.size(); }
  std::uint64_t settled() const { return settled_; }
  std::uint64_t total() const { return keys_.size(); }
  std::size_t queued() const { return queued_; }
  std::vector<int> Workers() const;
  // The lease that has been out longest, and since when.
  struct Outstanding {
    Grant grant;
    double since = 0;
  };
  std::optional<Outstanding> Oldest() const;

 private:
  enum class State : std::uint8_t { kQueued, kLeased, kSettled };
  struct KeyState {
    State state = State::kQueued;
    int failures = 0;
    int holders = 0;  // Leases that are out for it.
    bool reissued = false;
  };
  struct LeaseState {
    Grant grant;
    double since = 0;
  };
  using Leases = std::map<std::uint64_t, LeaseState>;  // By age, since numbers grow.

  std::size_t Allowance(std::size_t held) const;
  Grant Issue(int worker, const Key& key, double now);
  std::optional<Key> PopQueue();
  std::optional<Key> KeyToReissue(int worker) const;
  void Requeue(const Key& key, KeyState& state, bool front);
  Failure CountFailure(const Key& key, KeyState& state);
  // Forgets the lease if it is out on this worker for this key.
  bool Return(int worker, std::uint64_t lease, const Key& key);
  void Settle(KeyState& state);

  DispatcherOptions options_;
  std::map<Key, KeyState> keys_;
  std::deque<Key> queue_;  // May hold keys that were settled meanwhile; PopQueue skips them.
  Leases leases_;
  std::map<int, std::set<std::uint64_t>> workers_;  // Live workers and their leases.
  std::uint64_t next_lease_ = 1;
  std::uint64_t settled_ = 0;
  std::size_t queued_ = 0;
};

}  // namespace gradus
