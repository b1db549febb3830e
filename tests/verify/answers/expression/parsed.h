#pragma once
#include <string_view>

#include "verify/answers/expression/parse.h"

namespace gradus {

// The tree of an answer; null where it cannot be read.
inline ExprPtr Parsed(std::string_view text) { return ParseAnswer(TokenizeAnswer(text)); }

}  // namespace gradus
