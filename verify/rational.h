#pragma once
#include <gmpxx.h>

#include <optional>
#include <string>
#include <vector>

#include "verify/answer_tokens.h"

namespace gradus {

// An answer that is a number, exactly.
struct NumberAnswer {
  mpq_class value;
  bool percent = false;        // "50\%": the value is 50.
  std::string unit;            // "cm^2", "" when none is named.
  std::string variable;        // "x" of "x = 5".
  int significant_digits = 0;  // Of a single decimal literal, else 0.
};

// Reads a number: integers and decimals of any size, fractions, mixed numbers, scientific notation,
// + - * /, integer powers, roots of squares, with currency, percent sign or unit. Nothing when the
// answer is not such a number, or when it is out of bounds (deep nesting, towers of powers):
// bounded work for any input.
std::optional<NumberAnswer> ReadNumber(const std::vector<AnswerToken>& tokens);

}  // namespace gradus
