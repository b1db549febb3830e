#pragma once
#include <string>
#include <vector>

#include "verify/answers/tokens/token.h"

namespace gradus {

// The options of a multiple choice that an answer names: capital letters from A to J.
struct Options {
  std::string letters;  // In alphabetical order; "" when it names none, or no clear ones.
  bool bare = false;    // Nothing else stands there.
  bool small = false;   // Written in lower case.
};

// "B", "(b)", "Option B", "B) 25", "A, C", "A and C", "ACD". Several options count only when they
// are all there is.
Options OptionsOf(const std::vector<AnswerToken>& tokens);

}  // namespace gradus
