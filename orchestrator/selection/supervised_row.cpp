#include "orchestrator/selection/supervised_row.h"

#include <algorithm>
#include <vector>

#include "workers/environments/python_steps.h"

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

SftRow MakeSupervisedRow(const Tokenizer& tokenizer, std::string_view prompt,
                         std::string_view response, const ResponseLoss& loss) {
  SftRow row;
  row.tokens = tokenizer.EncodeWithSpecials(prompt);
  const std::size_t first = row.tokens.size();
  const std::vector<TokenId> tokens = tokenizer.Encode(response);
  row.tokens.insert(row.tokens.end(), tokens.begin(), tokens.end());
  if (loss.eos && !tokenizer.EosIds().empty()) row.tokens.push_back(tokenizer.EosIds().front());
  row.mask.assign(row.tokens.size(), 1);
  std::fill_n(row.mask.begin(), first, 0);
  if (loss.mask_output) MaskOutputs(tokenizer, first, row);
  return row;
}

}  // namespace gradus
