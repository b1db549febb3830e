#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "schemas/base/strict_json.h"
#include "workers/models/tokenizer/pattern.h"

namespace gradus {

// The decoder of a tokenizer.json and what it makes of each id: ByteLevel, or Replace,
// ByteFallback, Fuse, Strip and Metaspace, alone or in a Sequence. Immutable after Add, any thread.
class TokenDecoder {
 public:
  // Throws Error naming an unsupported component.
  TokenDecoder(const Json& json, const std::string& origin);
  void Add(std::int32_t id, std::string_view entry);
  bool IsFree(std::int32_t id) const;          // No entry has this id.
  bool IsFallbackByte(std::int32_t id) const;  // Joins the bytes beside it. REQUIRES: not free.
  // No step looks at the end of the whole text.
  bool GrowsAtTheEnd() const;
  // Valid UTF-8; bytes that form none become U+FFFD. Ids without an entry stand for nothing.
  std::string Decode(std::span<const std::int32_t> ids) const;
  bool byte_level() const { return byte_level_; }
  std::size_t size() const { return texts_.size(); }  // Largest id + 1.

 private:
  enum class Kind { kReplace, kByteFallback, kFuse, kStrip, kMetaspace };
  struct Step {
    Kind kind;
    std::optional<Pattern> pattern = {};
    std::string content = {};
    std::size_t start = 0, stop = 0;  // kStrip: at most so many from either side.
    bool drop_first = false;          // kMetaspace: the first token has no spaces.
  };
  using Texts = std::vector<std::string>;
  void AddStep(const Json& json, const std::string& origin);
  static Step StripStep(const Json& json, const std::string& origin);
  static Step MetaspaceStep(const Json& json, const std::string& origin);
  static Texts Apply(const Step& step, Texts texts);

  bool byte_level_ = false;
  std::vector<Step> steps_;
  Texts texts_;  // By id: bytes for ByteLevel, otherwise the entry.
};

}  // namespace gradus
