#pragma once
#include <cstdint>

namespace gradus {

class Settings;

enum class Placement : std::uint8_t { kColocated, kSplit };

struct ClusterOptions {
  Placement placement = Placement::kColocated;
  int train_ranks =
      0;  // split: the last ranks that only train. colocated: largest group, 0 = all workers.
  int min_workers = 1;         // Fewer live workers than this end the run.
  int leases_per_worker = 48;  // Problems in flight on one worker (credits).
  double heartbeat_s = 2;
  double dead_s = 30;         // Silence after which a worker is given up and its leases return.
  double lease_s = 3600;      // A lease older than this returns to the queue.
  double silence_s = 60;      // A worker without a coordinator for this long leaves with exit 75.
  double start_s = 60;        // Wait for workers to say hello.
  double collective_s = 120;  // Deadline of one training collective.
  double commit_ms = 50;      // Group commit of the ledger.
  int max_failures = 3;       // A problem that failed on this many leases is abandoned.
  double stall_s = 60;        // Without a result for this long, the log says who waits for whom.
};
void Bind(Settings& settings, ClusterOptions& options);

}  // namespace gradus
