#pragma once
#include <string_view>
#include <vector>

#include "verify/answers/expression/expr.h"
#include "verify/answers/tokens/token.h"

namespace gradus {

// The syntax tree of an answer, or null when the tokens do not form one within the bounds (2,000
// tokens, 40 nested brackets). Never evaluates anything; time is linear in the tokens.
ExprPtr ParseAnswer(std::vector<AnswerToken> tokens);

}  // namespace gradus
