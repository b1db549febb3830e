#include "orchestrator/rounds/round.h"

#include "orchestrator/rounds/evaluate.h"
#include "orchestrator/rounds/plan.h"
#include "orchestrator/rounds/publish.h"
#include "orchestrator/rounds/rollout.h"
#include "orchestrator/rounds/select.h"
#include "orchestrator/rounds/train.h"

namespace gradus {

void RunRound(Campaign& campaign, RoundIndex round) {
  const RoundPlan plan = PlanRound(campaign, round);
  Rollout(campaign, plan);
  RolloutHard(campaign, plan);
  Select(campaign, plan);
  TrainPolicyPart(campaign, plan);
  TrainControlPart(campaign, plan);
  TrainPpmPart(campaign, plan);
  Evaluate(campaign, round);
  Publish(campaign, round);
}

void RunBootstrap(Campaign& campaign) {
  PrepareBase(campaign);
  TrainBootstrapPart(campaign);
  Evaluate(campaign, 0);
  Publish(campaign, 0);
}

void RunCampaign(Campaign& campaign) {
  RefreshSummaries(campaign.files);
  for (RoundIndex round = LastPublished(campaign.files) + 1; round <= campaign.config.run.rounds;
       ++round) {
    if (round == 0) {
      RunBootstrap(campaign);
    } else {
      RunRound(campaign, round);
    }
  }
}

}  // namespace gradus
