#pragma once
#include <string>
#include <string_view>

#include "verify/answers/expression/expr.h"

namespace gradus {

// An answer as read: the string that was found and what it means.
struct Reading {
  std::string answer;  // Unwrapped; "" when there is none.
  std::string normal;  // Its tokens in one spelling; equal for answers that differ in layout only.
  ExprPtr expr;        // Null when it could not be read.
  ExprPtr split;       // As `expr`, with every comma a separator; null when that is no difference.
  char choice = 0;     // 'A'..'J' when it names an option: "B", "(b)", "B) 25".
};

enum class AnswerSide { kGold, kPredicted };

// Reads an answer. A prediction may be a sentence around the answer; a gold that is prose stays
// prose unless it says clearly where its answer is.
Reading ReadAnswer(std::string_view text, AnswerSide side);

}  // namespace gradus
