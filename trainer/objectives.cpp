#include "trainer/objectives.h"

#include <string>

#include "schemas/base/error.h"
#include "trainer/losses.h"
#include "trainer/options.h"

namespace gradus {
namespace {

constexpr Objective kObjectives[] = {
    {"supervised", TokenCrossEntropy, SupervisedRecord, Divisor::kTargets},
    {"bradley_terry", Pairwise<BradleyTerryTerms>, PreferenceRecord, Divisor::kRecords},
    {"pqm", Pairwise<RegressionTerms>, ValueRecord, Divisor::kWeights},
    {"orm", Pairwise<OutcomeTerms>, ValueRecord, Divisor::kWeights, /*whole_only=*/true},
    {"policy_gradient", ClippedPolicyGradient, {}, Divisor::kTargets},
};

double CountOf(Divisor divisor, const Record& record) {
  if (divisor == Divisor::kRecords) return 1;
  double count = 0;
  for (const TrainingText& text : record.texts) {
    if (divisor == Divisor::kTargets || text.weights.empty()) {
      count += double(text.targets.size());
    } else {
      for (double weight : text.weights) count += weight;
    }
  }
  return count;
}

}  // namespace

const Objective& FindObjective(std::string_view name) {
  std::string known;
  for (const Objective& objective : kObjectives) {
    if (objective.name == name) return objective;
    known += (known.empty() ? "" : ", ") + std::string(objective.name);
  }
  Fail("no objective is called {}; there are {}", name, known);
}

std::vector<std::string> ObjectivesOn(TrainingRows rows) {
  std::vector<std::string> names;
  for (const Objective& objective : kObjectives) {
    if (objective.records.index() == std::size_t(rows)) names.emplace_back(objective.name);
  }
  return names;
}

double CountOf(Divisor divisor, const std::vector<Record>& records, const StepPlan& step) {
  double count = 0;
  for (const auto& leaf : step.leaves) {
    for (std::uint32_t row : leaf) count += CountOf(divisor, records[row]);
  }
  return count;
}

}  // namespace gradus
