#pragma once
#include <vector>

#include "verify/answers/tokens/token.h"

namespace gradus {

// An answer with its words read: numbers, operators, relations and units that are said in words
// become the tokens they stand for, and the few remarks that say nothing of the value go. The
// vocabulary is closed: every other word stays, for the parser to refuse.
std::vector<AnswerToken> WithWordsRead(const std::vector<AnswerToken>& tokens);

}  // namespace gradus
