#pragma once
#include "verify/answers/expression/expr.h"

namespace gradus {

// Works out sums, products, powers, transposes, inverses and determinants of matrices that are
// written out (up to 4 by 4 for the last two), whatever their cells. Null stays null; what cannot
// be worked out stays as it is.
ExprPtr WithMatricesWorkedOut(const ExprPtr& expr);

}  // namespace gradus
