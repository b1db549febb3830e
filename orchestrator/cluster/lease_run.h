#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "orchestrator/cluster/workforce.h"
#include "schemas/ids.h"

namespace gradus {

struct LeaseProgress {
  std::uint64_t done = 0, total = 0;
  std::map<int, std::string> counters;  // Living rank → JSON object text of its last heartbeat.
};

// What a lease run works for: where the payloads come from and the results go. Called on the thread
// of the run.
class LeasedWork {
 public:
  virtual ~LeasedWork() = default;
  // What a lease carries beside its key.
  virtual std::string Payload(const Key& key) = 0;
  // The first result of a key.
  virtual void Accept(const Key& key, const std::string& result) = 0;
  // A key that is given up.
  virtual void Abandon(const Key& key, const std::string& reason) = 0;
  // Makes what was accepted and given up durable.
  virtual void Commit() = 0;
  // About twice a second, and at the end.
  virtual void Show(const LeaseProgress& progress) = 0;
  // A worker died; its leases go to the others.
  virtual void NoteLost(int rank, const std::string& reason, std::size_t leases) = 0;
  virtual bool StopWasAsked() = 0;
};

// Runs the leases of one part: every worker that searches is told `order`, then gets keys until
// each key has one accepted result or is given up. A result is acknowledged after it was committed.
// Throws, after a commit, Error(kStopped) on request, and Error(kTrainersLost), which asks for a
// relaunch, when too few workers are left.
void RunLeases(Workforce& workforce, const std::string& order, const std::vector<Key>& keys,
               LeasedWork& work);

}  // namespace gradus
