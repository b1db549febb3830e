#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

// Where in a text its final answer was found.
struct Extracted {
  std::string answer;
  // "boxed", "boxed-list", "answer-phrase", "answer-tag", "output", "sentence", "math", "number";
  // "cut-off" or "denied" where a box says that there is none, "" when nothing was found.
  std::string rule;
};

// How far to look. Announced: what stands in a box, in <answer> tags, behind "answer is" or
// "answer:", or as the last line of the last output block; the last of them counts, and none when
// it is denied or cut off. Stated: else the value of the last sentence that has one, unless it is
// doubted. Anywhere: else the last formula or number, which is a guess.
enum class Places { kAnnounced, kStated, kAnywhere };

// The final answer of a whole solution. What stands in <think> tags is no part of it. Linear in the
// length.
Extracted ExtractFinalAnswer(std::string_view text, Places places);

// The formulas of a text: what stands between $, $$, \( \), \[ \].
std::vector<std::string_view> MathSegments(std::string_view text);

// Removes what only wraps an answer: blanks, $...$, \(...\), \[...\], a final dot, **...**.
std::string_view UnwrapAnswer(std::string_view text);

}  // namespace gradus
