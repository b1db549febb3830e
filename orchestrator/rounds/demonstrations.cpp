#include "orchestrator/rounds/demonstrations.h"

#include "orchestrator/selection/supervised_row.h"

namespace gradus {
std::vector<SftRow> DemonstrationRows(const std::vector<Demonstration>& demonstrations,
                                      const Environment& environment, const Tokenizer& tokenizer,
                                      bool mask_output) {
  ResponseLoss loss;
  if (mask_output) loss.unlearnt = environment.WorldText();
  std::vector<SftRow> rows;
  for (std::size_t i = 0; i < demonstrations.size(); ++i) {
    const Demonstration& demonstration = demonstrations[i];
    SftRow row = MakeSupervisedRow(tokenizer, environment.TrainingPrompt(demonstration.problem),
                                   demonstration.solution, loss);
    row.origin.key = {0, Phase::kRollout, static_cast<std::uint32_t>(i), 0};
    row.origin.problem_id = demonstration.problem.id;
    row.level = demonstration.problem.level;
    row.mean_q = 1;
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace gradus
