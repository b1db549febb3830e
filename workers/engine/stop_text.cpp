#include "workers/engine/stop_text.h"

#include <algorithm>

namespace gradus {

StopText::StopText(const Tokenizer& tokenizer, const std::vector<std::string>& texts)
    : texts_(&texts), decoder_(tokenizer) {
  for (const std::string& text : texts) longest_ = std::max(longest_, text.size());
}

bool StopText::Push(TokenId id) {
  tail_ += decoder_.Push(id);
  const std::string seen = tail_ + decoder_.Rest();
  for (const std::string& text : *texts_) {
    if (seen.find(text) != std::string::npos) return true;
  }
  if (tail_.size() >= longest_) tail_.erase(0, tail_.size() - longest_ + 1);
  return false;
}

}  // namespace gradus
