#pragma once
#include "orchestrator/rounds/campaign.h"

namespace gradus {

// The phases of a round, in order. Each returns at once when its result is there.

RoundPlan PlanRound(Campaign& campaign, RoundIndex round);
void Rollout(Campaign& campaign, const RoundPlan& plan);
// Further trees with new seeds for problems without a correct answer (rStar-Math §3.4.1, A.1).
void RolloutHard(Campaign& campaign, const RoundPlan& plan);
// Trees → supervised rows and preference pairs.
void Select(Campaign& campaign, const RoundPlan& plan);
void TrainPolicyPhase(Campaign& campaign, const RoundPlan& plan);
// The same number of optimiser steps on the demonstrations alone: what expert iteration has to
// beat.
void TrainControlPhase(Campaign& campaign, const RoundPlan& plan);
void TrainPpmPhase(Campaign& campaign, const RoundPlan& plan);
void Evaluate(Campaign& campaign, RoundIndex round);
// Writes the manifest: from here on the round exists.
void Publish(Campaign& campaign, RoundIndex round);
// metrics.jsonl and CURRENT, made from the manifests.
void RefreshSummaries(const RunFiles& files);

// Round 0 only.
void PrepareBase(Campaign& campaign);
void TrainBootstrapPhase(Campaign& campaign);

// Where the trees of a round's search stand, part by part.
std::vector<ShardPaths> RolloutShards(const Campaign& campaign, RoundIndex round);
// Names of the parts that hold them.
std::vector<PartId> RolloutParts(const Config& config, RoundIndex round);

}  // namespace gradus
