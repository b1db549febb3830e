#pragma once
#include <gmpxx.h>

#include <optional>

#include "verify/answers/expression/expr.h"

namespace gradus {

// The exact value of an expression of rational numbers: + - * /, integer powers, factorials,
// binomials, perfect roots, absolute values. Nothing when it has none, or when a number on the way
// would have more than 20,000 bits (towers of powers).
std::optional<mpq_class> ExactValue(const Expr& expr);

// How exactly a decimal shows its value: a literal, or a literal times a power of ten.
struct ShownDigits {
  int significant = 0;
  mpq_class unit;  // Worth of the last digit.
};
std::optional<ShownDigits> DigitsShown(const Expr& expr);

}  // namespace gradus
