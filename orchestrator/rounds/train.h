#pragma once
#include "orchestrator/rounds/plan.h"

namespace gradus {

// Round 0: the base model with the environment's tokens, and the demonstrations as rows.
void PrepareBase(Campaign& campaign);
void TrainBootstrapPart(Campaign& campaign);

void TrainPolicyPart(Campaign& campaign, const RoundPlan& plan);
// The same number of optimiser steps on the demonstrations alone: what expert iteration has to
// beat.
void TrainControlPart(Campaign& campaign, const RoundPlan& plan);
void TrainPpmPart(Campaign& campaign, const RoundPlan& plan);

}  // namespace gradus
