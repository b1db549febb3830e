#include "orchestrator/selection/supervised_row.h"

#include <vector>

namespace gradus {
namespace {

void Append(const Tokenizer& tokenizer, std::string_view text, bool learnt, SftRow& row) {
  if (text.empty()) return;
  const std::vector<TokenId> tokens = tokenizer.Encode(text);
  row.tokens.insert(row.tokens.end(), tokens.begin(), tokens.end());
  row.mask.insert(row.mask.end(), tokens.size(), learnt ? 1 : 0);
}

// What the world writes is encoded apart from what the policy writes, as in the search. An opening
// without an end goes on to the end of the text.
void AppendResponse(const Tokenizer& tokenizer, std::string_view response,
                    const std::pair<std::string, std::string>& unlearnt, SftRow& row) {
  const auto& [open, close] = unlearnt;
  while (!response.empty()) {
    const std::size_t begin = std::min(response.find(open), response.size());
    Append(tokenizer, response.substr(0, begin), true, row);
    response.remove_prefix(begin);
    const std::size_t last = response.find(close, std::min(open.size(), response.size()));
    const std::size_t end = last == std::string_view::npos ? response.size() : last + close.size();
    Append(tokenizer, response.substr(0, end), false, row);
    response.remove_prefix(end);
  }
}

}  // namespace

SftRow MakeSupervisedRow(const Tokenizer& tokenizer, std::string_view prompt,
                         std::string_view response, const ResponseLoss& loss) {
  SftRow row;
  row.tokens = tokenizer.EncodeWithSpecials(prompt);
  row.mask.assign(row.tokens.size(), 0);
  if (loss.unlearnt) {
    AppendResponse(tokenizer, response, *loss.unlearnt, row);
  } else {
    Append(tokenizer, response, true, row);
  }
  if (loss.eos && !tokenizer.EosIds().empty()) {
    row.tokens.push_back(tokenizer.EosIds().front());
    row.mask.push_back(1);
  }
  return row;
}

}  // namespace gradus
