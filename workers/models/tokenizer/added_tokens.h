#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "schemas/base/strict_json.h"

namespace gradus {

struct AddedToken {
  std::int32_t id = 0;
  std::string content;
  bool single_word = false, lstrip = false, rstrip = false, normalized = false, special = false;
};

// One entry of the list added_tokens of a tokenizer.json; throws Error naming what is wrong.
AddedToken ReadAddedToken(const Json& json, const std::string& origin);

// A stretch of text: ordinary text (id < 0) or one added token.
struct Segment {
  std::string_view text;
  std::int32_t id = -1;
};

// Finds added tokens in text, leftmost first and the longest at a place.
class AddedTokenMatcher {
 public:
  void Add(const AddedToken& token);
  bool empty() const { return tokens_.empty(); }
  // Cuts `text` into segments that view it. Empty ordinary segments are left out.
  std::vector<Segment> Split(std::string_view text) const;

 private:
  const AddedToken* LongestAt(std::string_view rest) const;
  std::vector<AddedToken> tokens_;
  std::array<std::vector<std::size_t>, 256> by_first_byte_;  // Longest first.
};

}  // namespace gradus
