#pragma once
#include <string>

#include "schemas/base/strict_json.h"

namespace gradus {

// SentencePiece's visible space, as the pre_tokenizer and the decoder of a tokenizer.json have it.
struct Metaspace {
  enum class Prefix { kNever, kFirst, kAlways };
  Metaspace(const Json& json, const std::string& origin);

  std::string mark;
  Prefix prefix = Prefix::kAlways;
  bool split = true;
};

}  // namespace gradus
