#pragma once
#include <functional>
#include <vector>

#include "orchestrator/rounds/campaign.h"
#include "orchestrator/rounds/orders.h"

namespace gradus {

// Runs one keyed part to its end: workers load the order's models, search the keys' problems,
// results go through the recorder. Returns at once when the part is done already.
void RunPart(Campaign& campaign, const PartId& part, const SearchOrder& order,
             const std::vector<Problem>& problems, const std::vector<Key>& keys);

// Runs a phase without keys once: `body` returns the summary that is shown. Skipped when recorded
// as done.
void RunOnce(Campaign& campaign, const PartId& phase, const std::function<std::string()>& body);

// Runs a training request unless its output exists; returns the report.
TrainReport RunTrainingPart(Campaign& campaign, const PartId& phase, const TrainRequest& request);

}  // namespace gradus
