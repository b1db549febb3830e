#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "orchestrator/cluster/options.h"
#include "orchestrator/comm/transport.h"
#include "schemas/ids.h"

namespace gradus {

class Workforce;

struct PhaseProgress {
  std::uint64_t done = 0, total = 0;
  int workers = 0;                             // Alive.
  std::map<int, std::string> worker_counters;  // rank → JSON object text from its last heartbeat.
};

struct PhaseCallbacks {
  std::function<std::string(const Key&)> payload;  // What a lease carries beside its key.
  std::function<void(const Key&, const std::string&)>
      accept;  // First result of a key: append to the ledger.
  std::function<void(const Key&, const std::string&)> abandon;  // Given up: key and reason.
  std::function<void()> commit;                                 // Make what was accepted durable.
  std::function<void(const PhaseProgress&)> progress;           // About twice a second.
  std::function<void(int rank, const std::string& reason, std::size_t leases)>
      lost;                    // A worker died.
  std::function<bool()> stop;  // True: throw Error(kStopped) after a commit.
};

struct TrainCallbacksOnCoordinator {
  std::function<void(const std::string& progress_json)> progress;
  std::function<void(int rank, const std::string& reason, std::size_t leases)> lost;
  std::function<bool()> stop;
};

// Rank 0's view of the workers: hands out leases, collects results, forms training groups, notices
// deaths. Uses point-to-point messages only. One thread (the coordinator's role thread).
class Coordinator {
 public:
  // `setup` (the resolved configuration) goes to every worker. Waits for their hellos up to
  // start_s; throws Error(kBadInput) naming counts when fewer than min_workers came.
  Coordinator(Transport& transport, const ClusterOptions& options, std::uint32_t epoch,
              std::string setup);
  // Tells the workers to leave if Shutdown did not: an error ended the run.
  ~Coordinator();

  // Runs one rollout-like phase: every worker is told `order`, then pulls keys until each has one
  // accepted result or is abandoned. A result is acknowledged after `commit`. Throws
  // Error(kTrainersLost), which asks for a relaunch, when too few workers are left.
  void RunPhase(const std::string& order, std::vector<Key> keys, const PhaseCallbacks& callbacks);

  // Runs one training order on a group of workers; returns the report (JSON) of the group's first
  // member. When a member dies the group is formed again from the living, and resumes from the step
  // checkpoints. Throws Error(kTrainersLost) when groups keep failing without getting further, or
  // too few workers are left.
  std::string Train(const std::string& order, const TrainCallbacksOnCoordinator& callbacks);

  // Tells every worker to leave. Call it last, after everything is published.
  void Shutdown();
  int LiveWorkers() const;

 private:
  ClusterOptions options_;
  std::unique_ptr<Workforce> workforce_;
  std::uint32_t next_phase_ = 1;
  std::uint32_t next_group_ = 1;  // Conversation 0 is control traffic.
};

}  // namespace gradus
