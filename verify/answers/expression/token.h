#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

// One word of an answer, whether it was written in LaTeX, in plain text or in Python's notation.
struct AnswerToken {
  enum class Kind {
    kNumber,   // Digits, decimal point, exponent; no thousands separators: "1,000.5" -> "1000.5".
    kLetters,  // A run of letters.
    kText,     // Content of \text{...} and its kin.
    kCommand,  // A LaTeX command without its backslash: "frac", "pi".
    kBegin,    // \begin{name} of an environment; the text is the name.
    kEnd,      // \end{name}.
    kSymbol,   // Anything else in one spelling: "**" is "^", "\leq" is "<=", "\\" is "newline".
  };
  Kind kind;
  std::string text;
  bool spaced = false;     // White space before it.
  bool separated = false;  // A number that had thousands commas.
  bool doubled = false;    // A power written as "**".

  bool Is(Kind k, std::string_view t) const { return kind == k && text == t; }
  bool IsSymbol(std::string_view t) const { return Is(Kind::kSymbol, t); }
  bool IsCommand(std::string_view t) const { return Is(Kind::kCommand, t); }
};

enum class Thousands { kJoin, kSplit };  // Whether "1,234" is one number or two.

// Splits an answer. Spacing, sizing and currency signs disappear. Linear in the length, any bytes.
std::vector<AnswerToken> TokenizeAnswer(std::string_view text, Thousands rule = Thousands::kJoin);

// Position after the brace that closes the one at `open`, or npos. Escaped braces do not count.
std::size_t AfterClosingBrace(std::string_view text, std::size_t open);

}  // namespace gradus
