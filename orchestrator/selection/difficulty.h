#pragma once
#include <cstdint>
#include <vector>

#include "orchestrator/selection/trajectory.h"
#include "schemas/problem.h"
#include "schemas/tree.h"

namespace gradus {

// Class of a problem after its search (rStar-Math §3.4.1): easy, every answer trajectory is
// correct; medium, some are; hard, none is, or no answer was reached. Unverifiable answers count
// for neither; when they are all there is, nothing is known.
enum class Difficulty : std::uint8_t { kUnknown, kEasy, kMedium, kHard };
const char* ToString(Difficulty difficulty);

Difficulty Classify(const VerdictCounts& counts);
// A problem without any tree is unknown.
Difficulty DifficultyOf(const std::vector<Tree>& trees_of_one_problem);

// Whether the problem gets the extra search of hard problems: nothing correct is known of it.
bool NeedsExtraSearch(Difficulty difficulty);

// Whether a correct answer was found.
bool Solved(const std::vector<Tree>& trees_of_one_problem);

// A synthetic problem whose verified trajectories agree too seldom with its label: the label is
// likely wrong (paper A.1: below half). `min_correct` 0 turns the filter off.
bool LikelyMislabelled(const Problem& problem, const std::vector<Tree>& trees_of_one_problem,
                       double min_correct);

}  // namespace gradus
