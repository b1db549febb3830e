#include "orchestrator/selection/difficulty.h"

namespace gradus {

const char* ToString(Difficulty difficulty) {
  switch (difficulty) {
    case Difficulty::kEasy:
      return "easy";
    case Difficulty::kMedium:
      return "medium";
    case Difficulty::kHard:
      return "hard";
    default:
      return "unknown";
  }
}

Difficulty Classify(const VerdictCounts& counts) {
  if (counts.Verified() == 0) {
    return counts.unverifiable > 0 ? Difficulty::kUnknown : Difficulty::kHard;
  }
  if (counts.correct == 0) return Difficulty::kHard;
  return counts.wrong == 0 ? Difficulty::kEasy : Difficulty::kMedium;
}

Difficulty DifficultyOf(const std::vector<Tree>& trees) {
  return trees.empty() ? Difficulty::kUnknown : Classify(CountVerdicts(trees));
}

bool NeedsExtraSearch(Difficulty difficulty) {
  return difficulty == Difficulty::kHard || difficulty == Difficulty::kUnknown;
}

bool Solved(const std::vector<Tree>& trees) { return CountVerdicts(trees).correct > 0; }

bool LikelyMislabelled(const Problem& problem, const std::vector<Tree>& trees, double min_correct) {
  if (problem.source != "synthetic") return false;
  const VerdictCounts counts = CountVerdicts(trees);
  return static_cast<double>(counts.correct) < min_correct * static_cast<double>(counts.Verified());
}

}  // namespace gradus
