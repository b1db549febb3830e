#pragma once
#include <string>
#include <string_view>

#include "schemas/verdict.h"

namespace gradus {

// Decides whether a predicted answer equals the gold one. Pure, any thread, milliseconds for any
// input. Answers: exact rationals (any size), decimals, LaTeX \frac, \boxed{}, $…$, thousands
// commas, percent signs, units in \text{}, plain text equality after normalisation. What cannot be
// decided is unverifiable, never wrong.
Judgement Grade(std::string_view gold, std::string_view predicted);

// The final answer inside a whole solution text: content of the last \boxed{…} (balanced braces)
// unless a "final answer is" follows it, else what follows the last "answer is"; "" when there is
// none.
std::string ExtractAnswer(std::string_view text);

// Name and version stored with each tree.
std::string GraderVersion();

}  // namespace gradus
