#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

// Where in a text its final answer was found.
struct Extracted {
  std::string answer;
  // "boxed", "boxed-list", "answer-phrase", "output", "math", "number"; "" when there is none.
  std::string rule;
};

// The final answer of a whole solution, in this order: the last \boxed{} outside code fences, with
// its neighbours ("\boxed{1} and \boxed{2}" is a list), unless a "final answer" comes later; what
// follows the last "answer is" or "answer:"; the last line of the last output block; the last
// formula or number. Linear in the length.
Extracted ExtractFinalAnswer(std::string_view text);

// The formulas of a text: what stands between $, $$, \( \), \[ \].
std::vector<std::string_view> MathSegments(std::string_view text);

// Removes what only wraps an answer: blanks, $...$, \(...\), \[...\], a final dot, **...**.
std::string_view UnwrapAnswer(std::string_view text);

}  // namespace gradus
