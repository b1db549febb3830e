#pragma once
#include <memory>
#include <string>
#include <vector>

#include "workers/models/tokenizer/streaming_decoder.h"

namespace gradus {

// Tells when the text of a growing sequence of tokens contains one of the given texts.
class StopText {
 public:
  StopText(const Tokenizer& tokenizer, const std::vector<std::string>& texts);
  // True when the decoded text of all tokens so far contains one of the texts.
  bool Push(TokenId id);

 private:
  const std::vector<std::string>* texts_;
  std::size_t longest_ = 0;
  StreamingDecoder decoder_;
  std::string tail_;  // End of the certain text: one byte less than the longest of the texts.
};

}  // namespace gradus
