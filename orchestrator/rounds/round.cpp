#include "orchestrator/rounds/round.h"

#include "orchestrator/rounds/phases.h"

namespace gradus {

void RunRound(Campaign& campaign, RoundIndex round) {
  const RoundPlan plan = PlanRound(campaign, round);
  Rollout(campaign, plan);
  RolloutHard(campaign, plan);
  Select(campaign, plan);
  TrainPolicyPhase(campaign, plan);
  TrainControlPhase(campaign, plan);
  TrainPpmPhase(campaign, plan);
  Evaluate(campaign, round);
  Publish(campaign, round);
}

void RunBootstrap(Campaign& campaign) {
  PrepareBase(campaign);
  TrainBootstrapPhase(campaign);
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

RoundIndex LastPublished(const RunFiles& files) {
  RoundIndex round = -1;
  while (std::filesystem::exists(files.Manifest(round + 1))) ++round;
  return round;
}

}  // namespace gradus
