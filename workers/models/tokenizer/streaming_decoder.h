#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "workers/models/tokenizer/tokenizer.h"

namespace gradus {

// Text of tokens that arrive one by one. What Push has returned so far, with Rest behind it, is
// Tokenizer::Decode of all of them, at every moment; what a later token could still change
// (incomplete UTF-8, a run of byte tokens) is held back. Keeps a reference to the tokenizer.
class StreamingDecoder {
 public:
  explicit StreamingDecoder(const Tokenizer& tokenizer) : tokenizer_(&tokenizer) {}
  // The text that is certain now and was not before; may be empty.
  std::string Push(TokenId id);
  // Text of what is held back.
  std::string Rest() const;

 private:
  const Tokenizer* tokenizer_;
  std::vector<TokenId> ids_;      // The anchor, then what is held back.
  std::size_t anchor_ = 0;        // Ids of the beginning, up to the first text: what comes later
                                  // is decoded behind them, since a text's start is special.
  std::size_t anchor_bytes_ = 0;  // Of the anchor's text.
  bool open_run_ = false;         // The last token with a text was a single byte.
};

}  // namespace gradus
