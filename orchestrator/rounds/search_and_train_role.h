#pragma once
#include <memory>

#include "orchestrator/cluster/worker.h"

namespace gradus {

// The real worker: searches problems with the configured recipe, and trains as a member of a group.
std::unique_ptr<WorkerRole> MakeSearchAndTrainRole(int rank);

}  // namespace gradus
