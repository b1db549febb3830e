#include "workers/models/tokenizer/streaming_decoder.h"

namespace gradus {

std::string StreamingDecoder::Push(TokenId id) {
  ids_.push_back(id);
  switch (tokenizer_->JoinOf(id)) {
    case Tokenizer::Join::kNothing:
      break;
    case Tokenizer::Join::kByte:
      open_run_ = true;
      break;
    case Tokenizer::Join::kText:
      open_run_ = false;
      break;
  }
  if (open_run_ || !tokenizer_->GrowsAtTheEnd()) return {};
  std::string text = Rest();
  if (text.ends_with("\uFFFD")) return {};  // Perhaps half a character.
  if (anchor_bytes_ == 0) {
    anchor_ = text.empty() ? 0 : ids_.size();
    anchor_bytes_ = text.size();
  } else {
    ids_.resize(anchor_);
  }
  return text;
}

std::string StreamingDecoder::Rest() const {
  if (ids_.size() == anchor_) return {};
  return tokenizer_->Decode(ids_).substr(anchor_bytes_);
}

}  // namespace gradus
