#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace gradus {

// One code point of a UTF-8 string and its bytes; `valid` is false for a maximal ill-formed part.
struct CodePoint {
  char32_t value = 0;
  std::size_t bytes = 0;
  bool valid = false;
};
// REQUIRES: text not empty.
CodePoint FirstCodePoint(std::string_view text);

// The same text with every maximal ill-formed part replaced by U+FFFD, as browsers and Python do.
std::string ValidUtf8(std::string_view text);
void AppendUtf8(std::string& out, char32_t code);

}  // namespace gradus
