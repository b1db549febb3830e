#pragma once
#include <string_view>

namespace gradus {

// Words that keep a sentence from stating the value in it: negations, guesses, conditions, and
// what makes the value part of another one. In lower case.
bool IsDoubt(std::string_view word);

// Whether a text has such a word.
bool HasDoubt(std::string_view text);

// Whether a text says that its writer has no answer: "I cannot solve this".
bool GivesUp(std::string_view text);

}  // namespace gradus
