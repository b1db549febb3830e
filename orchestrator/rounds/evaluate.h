#pragma once
#include "orchestrator/rounds/campaign.h"

namespace gradus {

// Tries the held-out problems with the round's models and measures the answers (eval.json).
void Evaluate(Campaign& campaign, RoundIndex round);

}  // namespace gradus
