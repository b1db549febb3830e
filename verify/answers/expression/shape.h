#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "verify/answers/expression/expr.h"

namespace gradus {

// A value and the name an answer gave to it ("x = 5"), "" when it gave none.
struct NamedValue {
  ExprPtr value;
  std::string name;
};

// Takes the value out of an assignment ("x = 5", "f(x) = 2x", "x \in S", "(p, q) = (3, 2)"), of a
// chain ("x = 5 + 6 = 11") and of an approximation ("1/3 \approx 0.33" is 1/3). Equations and
// inequalities come back as they are.
NamedValue Unwrapped(const ExprPtr& expr);

// The expressions that a \pm stands for, upper signs first; the expression itself without one.
std::vector<ExprPtr> SignsExpanded(const ExprPtr& expr);

// Elements of a list, set or tuple, unwrapped, signs expanded. Of anything else: itself so treated.
std::vector<NamedValue> ElementsOf(const ExprPtr& expr);

// a < b < c as a < b, b < c.
std::vector<ExprPtr> SimpleRelations(const Expr& chain);

// The expression with a variable replaced.
ExprPtr Substituted(const ExprPtr& expr, std::string_view variable, const ExprPtr& value);

// A sum of multiples of the unit vectors i, j, k as the tuple of its components; anything else as
// it is. Null stays null.
ExprPtr AsTuple(const ExprPtr& expr);

// With logarithms whose base nobody wrote taken to base ten; the same pointer when there are none.
ExprPtr WithCommonLogs(const ExprPtr& expr);

// A value without its unit or percent sign.
struct Quantity {
  ExprPtr body;
  bool percent = false;
  std::string unit;
};
Quantity QuantityOf(const ExprPtr& expr);

}  // namespace gradus
