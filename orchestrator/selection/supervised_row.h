#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "schemas/files/training_row.h"
#include "workers/models/tokenizer/tokenizer.h"

namespace gradus {

// Which tokens of a response the loss is taken over.
struct ResponseLoss {
  bool eos = true;  // The text's end is learned too, where the tokenizer has a token for it.
  // Not what stands between these two texts, themselves included: the world writes that.
  std::optional<std::pair<std::string, std::string>> unlearnt;
  bool operator==(const ResponseLoss&) const = default;
};

// Tokens and mask of a prompt (no loss) and its response. Origin, level and Q are the caller's.
SftRow MakeSupervisedRow(const Tokenizer& tokenizer, std::string_view prompt,
                         std::string_view response, const ResponseLoss& loss);

}  // namespace gradus
