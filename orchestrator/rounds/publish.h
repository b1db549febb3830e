#pragma once
#include "orchestrator/rounds/campaign.h"

namespace gradus {

// Writes the manifest: from here on the round exists.
void Publish(Campaign& campaign, RoundIndex round);
// metrics.jsonl and CURRENT, made from the manifests.
void RefreshSummaries(const RunFiles& files);
// The highest round with a manifest, -1 without any.
RoundIndex LastPublished(const RunFiles& files);

}  // namespace gradus
