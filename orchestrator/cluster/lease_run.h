#pragma once
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "orchestrator/cluster/coordinator.h"
#include "orchestrator/cluster/dispatcher.h"
#include "orchestrator/cluster/workforce.h"

namespace gradus {

// One rollout-like phase from the order to its last accepted key: see Coordinator::RunPhase.
class LeaseRun {
 public:
  LeaseRun(Workforce& workforce, const ClusterOptions& options, std::uint32_t lease_run,
           const std::vector<Key>& keys, const PhaseCallbacks& callbacks);
  void Run(const std::string& order);

 private:
  void Begin(const std::string& order);
  void Handle(const Message& message);
  void OnResult(int worker, const Result& result);
  void OnFailed(int worker, const Failed& failed);
  void Fill(int worker);
  void Abandon(const Key& key, const std::string& reason);
  void Commit();
  double SecondsUntilCommit(double now) const;
  // What does not hang on a message: deaths, expiry, the stop request, progress, stalls.
  void Tick(double now);
  void RemoveTheDead();
  void ReportProgress(double now);
  void ReportStall(double now);
  void End();

  Workforce& workforce_;
  const ClusterOptions& options_;
  std::uint32_t lease_run_;
  const PhaseCallbacks& callbacks_;
  Dispatcher dispatcher_;
  std::set<int> ready_;
  std::map<int, std::vector<std::uint64_t>> uncommitted_;  // Leases to acknowledge, by worker.
  double first_uncommitted_ = 0;
  double last_settled_ = 0;
  double next_tick_ = 0;
  double next_progress_ = 0;
  double next_stall_ = 0;
};

}  // namespace gradus
