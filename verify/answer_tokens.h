#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

// One word of an answer, whether it was written in LaTeX, in plain text or in Python's notation.
struct AnswerToken {
  enum class Kind {
    kNumber,   // Digits, decimal point, exponent; thousands separators removed: "1,000.5" ->
               // "1000.5".
    kWord,     // A run of letters.
    kText,     // Content of \text{...} and its kin.
    kCommand,  // A LaTeX command without its backslash; \dfrac and \tfrac are "frac".
    kSymbol,   // Anything else, one code point; multiplication is "*", degree "°", currency "$".
  };
  Kind kind;
  std::string text;
  bool after_space = false;

  bool Is(Kind k, std::string_view t) const { return kind == k && text == t; }
  bool IsSymbol(std::string_view t) const { return Is(Kind::kSymbol, t); }
};

// Removes what only wraps an answer: blanks, $...$, \(...\), \[...\], \boxed{}, \text{}, a final
// dot.
std::string_view UnwrapAnswer(std::string_view text);

// Splits an unwrapped answer; spacing and sizing commands disappear. Linear in the length.
std::vector<AnswerToken> TokenizeAnswer(std::string_view text);

// A text that two answers share when they differ only in spacing, style and optional braces.
std::string NormalText(const std::vector<AnswerToken>& tokens);

// Position after the brace that closes the one at `open`, or npos. Escaped braces do not count.
std::size_t AfterClosingBrace(std::string_view text, std::size_t open);

}  // namespace gradus
