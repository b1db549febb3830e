#pragma once
#include <optional>

#include "verify/answers/expression/expr.h"

namespace gradus {

// Numeric evidence about two expressions, at points with fixed seeds. A clear difference at one
// point is a proof; agreement at all of them, to 16 digits, is strong evidence.
enum class Screened { kAgree, kDiffer, kUnknown };

// Equality of values. Variables are real where both sides are (so \ln x^2 = 2 \ln x, but
// \sqrt{x^2} is not x), else complex with principal branches.
Screened ScreenValues(const Expr& a, const Expr& b);

// Equality of the solutions of two equations or inequalities "left op right".
Screened ScreenRelations(const Expr& a, const Expr& b);

// Equality of two sets of real numbers: intervals, unions, finite sets, conditions on one variable.
Screened ScreenSets(const Expr& a, const Expr& b);

}  // namespace gradus
