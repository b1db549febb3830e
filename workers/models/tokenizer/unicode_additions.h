#pragma once
#include <span>
#include <string_view>

namespace gradus {

struct CategoryRange {
  char32_t first, last;
  std::string_view category;  // Two letters, as in Lu.
};

// The tokenizers' regex engine knows Unicode 16, the PCRE2 of Debian 12 knows 14: the characters
// between the two, by general category. Source: UnicodeData.txt.
std::span<const CategoryRange> CharactersAfterUnicode14();

// The tokenizers normalise with the tables of Unicode 9. A character with a combining class or a
// decomposition that is younger is an ordinary character to them.
bool IsUnknownToUnicode9(char32_t code);

}  // namespace gradus
