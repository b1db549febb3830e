#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "workers/policy/strict_json.h"

namespace gradus {

// The pre-tokenizer of a tokenizer.json: Split, Digits and ByteLevel, alone or in a Sequence.
// Pieces are plain text; the byte alphabet is the merge table's business. Any thread.
class TextSplitter {
 public:
  // Throws Error naming an unsupported component. `json` may be null (no splitting).
  TextSplitter(const Json& json, const std::string& origin);
  TextSplitter(TextSplitter&&) noexcept;
  ~TextSplitter();
  // REQUIRES valid UTF-8.
  std::vector<std::string> Split(std::string_view text) const;
  bool byte_level() const { return byte_level_; }

 private:
  struct Stage;
  void AddStage(const Json& json, const std::string& origin);
  void AddByteLevel(const Json& json, const std::string& origin);
  std::vector<std::unique_ptr<Stage>> stages_;
  bool byte_level_ = false;
};

}  // namespace gradus
