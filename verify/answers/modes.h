#pragma once
#include <string>
#include <string_view>

#include "verify/answers/grader.h"

namespace gradus {

// The judgement of a published grader's rules, as far as they go without its algebra; where the
// original would ask sympy, ours decides by its own reading and screening.
Judgement GradeByMode(GraderMode mode, const GoldAnswer& gold, std::string_view predicted);

// The normal forms two of them compare as texts.
std::string HendrycksNormalForm(std::string_view text);
std::string ToraNormalForm(std::string_view text);

}  // namespace gradus
