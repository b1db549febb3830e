#pragma once
#include <vector>

#include "verify/answers/expression/expr.h"
#include "verify/answers/tokens/token.h"

namespace gradus {

// What an answer of words means: the empty set for "no solution", the real numbers for "any real
// number"; else the words themselves in one spelling, so that "infinitely many" and "infinite" are
// the same text.
ExprPtr MeaningOf(const std::vector<AnswerToken>& words);

// A day of the calendar as a text, "march 5" or "2020-03-05"; null for anything else. Days are
// compared and never worked out.
ExprPtr DayOf(const std::vector<AnswerToken>& tokens);

}  // namespace gradus
