#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "orchestrator/cluster/coordinator.h"
#include "orchestrator/cluster/workforce.h"
#include "schemas/base/error.h"

namespace gradus {

// One training order from its first group to its report: see Coordinator::Train.
class GroupRun {
 public:
  // `next_group` numbers the groups of this epoch and is advanced.
  GroupRun(Workforce& workforce, const ClusterOptions& options, std::uint32_t& next_group,
           const TrainCallbacksOnCoordinator& callbacks);
  std::string Run(const std::string& order);

 private:
  enum class Member : std::uint8_t { kTraining, kDone, kFailed, kLost };
  enum class Outcome : std::uint8_t { kDone, kBroken, kStopped };

  void Form(const std::string& order);
  // Until the group is done, broken or has stopped on request.
  Outcome Watch();
  void Handle(const Message& message);
  void OnFailed(int rank, const TrainFailed& failed);
  void OnProgress(const std::string& json);
  void ReportStall(double now);
  void RemoveTheDead();
  bool AnyIs(Member state) const;
  // Tells the others that the group is over and waits until all have left it.
  void Dissolve();
  // Throws when another attempt makes no sense.
  void Judge();
  // A member complained about a silent peer: wait until each worker has shown that it lives, or is
  // dead.
  void AwaitSignsOfLife();
  void Step();

  Workforce& workforce_;
  const ClusterOptions& options_;
  std::uint32_t& next_group_;
  const TrainCallbacksOnCoordinator& callbacks_;

  std::uint32_t group_ = 0;
  std::vector<int> members_;
  std::map<int, Member> states_;
  std::string report_;
  std::string failure_;
  ExitCode failure_code_ = ExitCode::kInternal;
  double last_progress_ = 0;
  double next_stall_ = 0;
  int fruitless_ = 0;     // Attempts that failed, without a death, before a new step was reached.
  double furthest_ = -1;  // Step reached by this attempt and by all before it.
  double furthest_before_ = -1;
};

}  // namespace gradus
