#include "orchestrator/cluster/coordinator.h"

#include <utility>

#include "orchestrator/cluster/group_run.h"
#include "orchestrator/cluster/lease_run.h"
#include "orchestrator/cluster/workforce.h"

namespace gradus {

Coordinator::Coordinator(Transport& transport, const ClusterOptions& options, std::uint32_t epoch,
                         std::string setup)
    : options_(options),
      workforce_(std::make_unique<Workforce>(transport, options, epoch, std::move(setup))) {}

Coordinator::~Coordinator() = default;

void Coordinator::RunPhase(const std::string& order, std::vector<Key> keys,
                           const PhaseCallbacks& callbacks) {
  if (keys.empty()) return;
  LeaseRun(*workforce_, options_, next_phase_++, keys, callbacks).Run(order);
}

std::string Coordinator::Train(const std::string& order,
                               const TrainCallbacksOnCoordinator& callbacks) {
  return GroupRun(*workforce_, options_, next_group_, callbacks).Run(order);
}

void Coordinator::Shutdown() { workforce_->Dismiss(); }

int Coordinator::LiveWorkers() const {
  return static_cast<int>(workforce_->roster().Living().size());
}

}  // namespace gradus
