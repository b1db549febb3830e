#pragma once
#include <functional>
#include <string>
#include <vector>

#include "orchestrator/rounds/campaign.h"
#include "orchestrator/rounds/orders.h"

namespace gradus {

// The three ways to run a part of a round. Each returns at once when the part is recorded as done,
// and records it when it is.

// A part with keys: the workers load the order's models and search the keys' problems, the results
// go through the recorder.
void RunPart(Campaign& campaign, const PartId& part, const SearchOrder& order,
             const std::vector<Problem>& problems, const std::vector<Key>& keys);

// What rank 0 does itself: `body` returns the summary that is shown.
void RunOnce(Campaign& campaign, const PartId& part, const std::function<std::string()>& body);

// A training request, on a group of the workers. The report is kept beside the model as PART.json,
// so that a resumed run knows it.
TrainReport RunTrainingPart(Campaign& campaign, const PartId& part, const TrainRequest& request);

}  // namespace gradus
