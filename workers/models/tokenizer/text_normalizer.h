#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schemas/base/strict_json.h"
#include "workers/models/tokenizer/pattern.h"

namespace gradus {

// The normalizer of a tokenizer.json: NFC, Prepend and Replace, alone or in a Sequence. Any thread.
class TextNormalizer {
 public:
  // Throws Error naming an unsupported component. `json` may be null (text stays as it is).
  TextNormalizer(const Json& json, const std::string& origin);
  // REQUIRES valid UTF-8.
  std::string Normalize(std::string_view text) const;

 private:
  enum class Kind { kCompose, kPrepend, kReplace };
  struct Step {
    Kind kind;
    std::optional<Pattern> pattern;
    std::string content;
  };
  void AddStep(const Json& json, const std::string& origin);
  std::vector<Step> steps_;
};

// The {"String": …} or {"Regex": …} that tokenizer.json has for a pattern.
Pattern ReadPattern(const Json& json, const std::string& origin);
// `text` with each match replaced by `content`.
std::string ReplaceAll(std::string_view text, const Pattern& pattern, std::string_view content);

}  // namespace gradus
