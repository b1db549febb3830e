#pragma once
#include <vector>

#include "orchestrator/rounds/plan.h"
#include "schemas/files/tree_stream.h"

namespace gradus {

// Searches every problem of the plan once.
void Rollout(Campaign& campaign, const RoundPlan& plan);
// Further trees with new seeds for problems without a correct answer (rStar-Math §3.4.1, A.1).
void RolloutHard(Campaign& campaign, const RoundPlan& plan);

// Where the trees of a round's search stand, part by part.
std::vector<ShardPaths> RolloutShards(const Campaign& campaign, RoundIndex round);
// Names of the parts that hold them.
std::vector<PartId> RolloutParts(const Config& config, RoundIndex round);

}  // namespace gradus
