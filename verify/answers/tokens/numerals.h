#pragma once
#include <gmpxx.h>

#include <optional>
#include <vector>

#include "verify/answers/tokens/token.h"

namespace gradus {

// A number that words say, alone or behind digits: "twenty-five", "3 hundred", "10 dozen", "two
// thirds", "one and a half".
struct Numeral {
  mpq_class value;
  std::size_t tokens = 0;  // How many it takes.
};

// The longest numeral with a word in it that starts at a token; nothing when none does.
std::optional<Numeral> NumeralAt(const std::vector<AnswerToken>& tokens, std::size_t at);

}  // namespace gradus
