#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "schemas/base/strict_json.h"

namespace gradus {

// The pre-tokenizer of a tokenizer.json: Split, Digits, Metaspace and ByteLevel, alone or in a
// Sequence. Pieces are plain text; the byte alphabet is the merge table's business. Any thread.
class TextSplitter {
 public:
  // Throws Error naming an unsupported component. `json` may be null (no splitting).
  TextSplitter(const Json& json, const std::string& origin);
  TextSplitter(TextSplitter&&) noexcept;
  ~TextSplitter();
  // Calls visit(piece) from left to right; a piece lives as long as the call. `first`: the text is
  // the beginning of all text. REQUIRES valid UTF-8.
  using Visit = std::function<void(std::string_view piece)>;
  void EachPiece(std::string_view text, bool first, const Visit& visit) const;
  bool byte_level() const { return byte_level_; }

 private:
  struct Stage;
  void AddStage(const Json& json, const std::string& origin);
  void Run(std::size_t stage, std::string_view text, bool first, const Visit& visit) const;
  std::vector<Stage> stages_;
  bool byte_level_ = false;
};

}  // namespace gradus
