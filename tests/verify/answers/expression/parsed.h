#pragma once
#include <string_view>

#include "verify/answers/expression/parse.h"
#include "verify/answers/tokens/code_points.h"

namespace gradus {

// The tree of an answer; null where it cannot be read.
inline ExprPtr Parsed(std::string_view text) { return ParseAnswer(TokenizeAnswer(InAscii(text))); }

}  // namespace gradus
