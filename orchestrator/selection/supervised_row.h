#pragma once
#include <string_view>

#include "schemas/training_row.h"
#include "workers/models/tokenizer/tokenizer.h"

namespace gradus {

// Which tokens of a response the loss is taken over.
struct ResponseLoss {
  bool eos = true;  // The text's end is learned too, where the tokenizer has a token for it.
  bool mask_output = false;  // Not what stands between <output> markers: the harness writes that.
  bool operator==(const ResponseLoss&) const = default;
};

// Tokens and mask of a prompt (no loss) and its response. Origin, level and Q are the caller's.
SftRow MakeSupervisedRow(const Tokenizer& tokenizer, std::string_view prompt,
                         std::string_view response, const ResponseLoss& loss);

}  // namespace gradus
