#pragma once
#include <optional>

#include "verify/answers/expression/expr.h"
#include "verify/answers/expression/sampled_value.h"

namespace gradus {

// Numeric evidence about two expressions, at points with fixed seeds: small and large, of either
// sign. Balls that lie apart at one point are a proof of difference; agreement at all of them, to
// 30 digits, is strong evidence. Partly: they agree where both are real, but one is real where the
// other is not.
enum class Screened { kAgree, kDiffer, kPartly, kUnknown };

// Equality of values. Variables are real where both sides are, else complex with principal
// branches.
Screened ScreenValues(const Expr& a, const Expr& b, Work& work);

// Equality of the solutions of two equations or inequalities "left op right".
Screened ScreenRelations(const Expr& a, const Expr& b, Work& work);

// Equality of two sets of real numbers: intervals, unions, finite sets, conditions on one variable.
Screened ScreenSets(const Expr& a, const Expr& b, Work& work);

}  // namespace gradus
