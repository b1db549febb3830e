#pragma once
#include <string>

#include "orchestrator/cluster/workforce.h"

namespace gradus {

// Who looks on while groups train. Called on the thread of the run.
class GroupWatch {
 public:
  virtual ~GroupWatch() = default;
  // A step of the group: JSON text of its first member.
  virtual void Show(const std::string& progress) = 0;
  virtual void NoteLost(int rank, const std::string& reason) = 0;
  virtual bool StopWasAsked() = 0;
};

// Runs one training order on a group of the workers that train; returns the report (JSON text) of
// its first member. When a member dies the group is formed again from the living, and resumes from
// the step checkpoints. Throws Error(kStopped) on request when all have saved, and
// Error(kTrainersLost), which asks for a relaunch, when groups keep failing without getting further
// or too few workers are left.
std::string RunGroup(Workforce& workforce, const std::string& order, GroupWatch& watch);

}  // namespace gradus
