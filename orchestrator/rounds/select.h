#pragma once
#include "orchestrator/rounds/plan.h"

namespace gradus {

// Trees → supervised rows and preference pairs.
void Select(Campaign& campaign, const RoundPlan& plan);

}  // namespace gradus
