#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "verify/answers/expression/expr.h"
#include "verify/answers/reading/options.h"

namespace gradus {

// An answer as read: the string that was found and what it means.
struct Reading {
  std::string answer;  // Unwrapped; "" when there is none.
  std::string normal;  // Its tokens in one spelling; equal for answers that differ in layout only.
  ExprPtr expr;        // Null when it could not be read.
  ExprPtr split;       // As `expr`, with every comma a separator; null when that is no difference.
  std::vector<std::string> whole;  // Variables of which it says that they are whole numbers.
  bool listed = false;             // A number in it may as well be a list: "100,200".
  Options options;                 // Those of a multiple choice that it names.
};

enum class AnswerSide { kGold, kPredicted };

// Reads an answer whole or not at all: every token of it has a meaning, or `expr` is null. Either
// side may be a sentence that says clearly where its answer is; other prose stays prose.
Reading ReadAnswer(std::string_view text, AnswerSide side);

}  // namespace gradus
