#pragma once
#include "orchestrator/rounds/campaign.h"

namespace gradus {

// Round 0: the base model with the environment's markers, fine-tuned on the demonstrations.
void RunBootstrap(Campaign& campaign);

// One round of expert iteration. Every part is a pure function of published inputs and the run's
// seed, does nothing when its result exists, and can be killed at any point.
void RunRound(Campaign& campaign, RoundIndex round);

// Round 0 and all rounds up to config.run.rounds that are not published yet.
void RunCampaign(Campaign& campaign);

}  // namespace gradus
