#pragma once
#include <cstdint>
#include <filesystem>
#include <vector>

#include "orchestrator/rounds/campaign.h"

namespace gradus {

// What a round works on, decided before it starts and written to plan.json.
struct RoundPlan {
  RoundIndex round = 0;
  std::vector<std::uint32_t> problems;  // Indices into Campaign::problems, ascending.
  std::filesystem::path policy;         // Model of the search: last round's.
  std::filesystem::path ppm;            // "" when there is none yet.
  std::filesystem::path base;           // Weights this round's fine-tuning starts from.
};

// Throws Error when no problem has a level in the round's range.
RoundPlan PlanRound(Campaign& campaign, RoundIndex round);

// The numeric curriculum: `per_level` problems of each level of the round's range, none used in an
// earlier round as long as the file has enough; then the walk starts over. Without a range all
// problems. Indices into `problems`, ascending.
std::vector<std::uint32_t> DrawProblems(const Config& config, const std::vector<Problem>& problems,
                                        RoundIndex round);

}  // namespace gradus
