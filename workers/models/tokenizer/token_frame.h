#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "schemas/base/strict_json.h"

namespace gradus {

// The tokens that the post_processor of a tokenizer.json puts around a text: TemplateProcessing's
// `single` template, and ByteLevel, which adds none, alone or in a Sequence.
struct TokenFrame {
  // Throws Error naming an unsupported component. `json` may be null (no tokens).
  TokenFrame(const Json& json, const std::string& origin);
  std::vector<std::int32_t> before, after;

 private:
  void AddStep(const Json& json, const std::string& origin);
  void AddTemplate(const Json& json, const std::string& origin);
};

}  // namespace gradus
