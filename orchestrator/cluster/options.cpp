#include "orchestrator/cluster/options.h"

#include "schemas/base/settings.h"

namespace gradus {

void Bind(Settings& s, ClusterOptions& o) {
  s.Choice("placement", o.placement,
           {{"colocated", Placement::kColocated}, {"split", Placement::kSplit}},
           "colocated: every worker searches, then trains; split: the last train_ranks only train");
  s.Field("train_ranks", o.train_ranks, {0, 65536},
          "ranks that train; with colocated placement the most that do, 0 = all workers");
  s.Field("min_workers", o.min_workers, {1, 65536}, "fewer live workers than this end the run");
  s.Field("leases_per_worker", o.leases_per_worker, {1, 65536}, "problems in flight on one worker");
  s.Field("heartbeat_s", o.heartbeat_s, {0.01, 3600}, "seconds between signs of life");
  s.Field("dead_s", o.dead_s, {0.05, 86400},
          "silence after which a worker is given up and its leases return");
  s.Field("lease_s", o.lease_s, {0.05, 1e7}, "a lease older than this returns to the queue");
  s.Field("silence_s", o.silence_s, {0.05, 86400},
          "a worker without a coordinator for this long leaves with exit 75");
  s.Field("start_s", o.start_s, {0.05, 86400}, "how long to wait for the workers at the start");
  s.Field("collective_s", o.collective_s, {0.05, 86400}, "deadline of one training collective");
  s.Field("commit_ms", o.commit_ms, {0, 60000}, "group commit of the ledger, milliseconds");
  s.Field("max_failures", o.max_failures, {1, 1000},
          "a problem that failed on this many leases is abandoned");
  s.Field("stall_s", o.stall_s, {0.05, 86400},
          "without a result for this long, the log says who waits for whom");
}

}  // namespace gradus
