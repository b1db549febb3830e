#include "orchestrator/demonstrations.h"

#include <algorithm>

namespace gradus {
namespace {

void MaskOutputs(const Tokenizer& tokenizer, std::size_t from, SftRow& row) {
  const auto open = tokenizer.IdOf(marker::kOutput);
  const auto close = tokenizer.IdOf(marker::kEndOfOutput);
  bool inside = false;
  for (std::size_t i = from; i < row.tokens.size(); ++i) {
    if (open && row.tokens[i] == *open) inside = true;
    if (inside) row.mask[i] = 0;
    if (close && row.tokens[i] == *close) inside = false;
  }
}

}  // namespace

std::vector<SftRow> DemonstrationRows(const std::vector<Demonstration>& demonstrations,
                                      const EnvironmentOptions& environment,
                                      const Tokenizer& tokenizer, bool mask_output) {
  std::vector<SftRow> rows;
  for (std::size_t i = 0; i < demonstrations.size(); ++i) {
    const Demonstration& demonstration = demonstrations[i];
    SftRow row;
    row.origin.key = {0, Phase::kRollout, static_cast<std::uint32_t>(i), 0};
    row.origin.problem_id = demonstration.problem.id;
    row.level = demonstration.problem.level;
    row.mean_q = 1;
    row.tokens = tokenizer.EncodeWithSpecials(TrainingPrompt(environment, demonstration.problem));
    const std::size_t prompt = row.tokens.size();
    const std::vector<TokenId> solution = tokenizer.Encode(demonstration.solution);
    row.tokens.insert(row.tokens.end(), solution.begin(), solution.end());
    if (!tokenizer.EosIds().empty()) row.tokens.push_back(tokenizer.EosIds().front());
    row.mask.assign(row.tokens.size(), 1);
    std::fill_n(row.mask.begin(), prompt, 0);
    if (mask_output) MaskOutputs(tokenizer, prompt, row);
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace gradus
