#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "verify/answers/tokens/characters.h"
#include "verify/answers/tokens/number_spelling.h"

namespace gradus {

// One word of an answer, whether it was written in LaTeX, in plain text or in Python's notation.
struct AnswerToken {
  enum class Kind {
    kNumber,   // Digits, decimal point, exponent; no thousands separators: "1,000.5" -> "1000.5".
    kLetters,  // A run of letters.
    kText,     // A word of \text{...} and its kin, or the name of a day.
    kCommand,  // A LaTeX command without its backslash: "frac", "pi".
    kBegin,    // \begin{name} of an environment; the text is the name.
    kEnd,      // \end{name}.
    kSymbol,   // Anything else in one spelling: "**" is "^", "\leq" is "<=", "\\" is "newline".
  };
  Kind kind;
  std::string text;
  bool spaced = false;     // White space before it.
  bool separated = false;  // A number that had thousands commas.
  bool listed = false;     // And could be a list of numbers as well: "100,200".
  bool doubled = false;    // A power written as "**".

  bool Is(Kind k, std::string_view t) const { return kind == k && text == t; }
  bool IsWord() const { return kind == Kind::kLetters || kind == Kind::kText; }
  // The word in any case.
  bool IsWord(std::string_view lower) const { return IsWord() && LowerCase(text) == lower; }
  bool IsSymbol(std::string_view t) const { return Is(Kind::kSymbol, t); }
  bool IsCommand(std::string_view t) const { return Is(Kind::kCommand, t); }
};

// Splits an answer in ASCII (code_points.h). Spacing and sizing disappear. Linear in the length,
// any bytes.
std::vector<AnswerToken> TokenizeAnswer(std::string_view text, Thousands rule = Thousands::kJoin);

// Position after the brace that closes the one at `open`, or npos. Escaped braces do not count.
std::size_t AfterClosingBrace(std::string_view text, std::size_t open);

}  // namespace gradus
