#pragma once
#include <complex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "schemas/base/seed.h"
#include "verify/answers/expression/expr.h"

namespace gradus {

using Complex = std::complex<long double>;

// The value of an expression at one point, with a bound of its rounding error.
struct SampledValue {
  Complex value;
  long double error = 0;
  bool valid = true;        // False: undefined, out of range, or not of a kind we evaluate.
  bool left_reals = false;  // A root or logarithm of a negative number was taken on the way.
  bool huge = false;        // Real and beyond the range of the type; only the sign is known.
};

// A point: every variable gets a value that follows from the seed and its name alone, so two
// expressions see the same point without agreeing on their variables. Unknown functions and
// indexed names get values that follow from the name and the values of the arguments.
struct Point {
  enum class Domain { kPositive, kReal, kComplex };
  Seed seed = 0;
  Domain domain = Domain::kReal;
  std::set<std::string> integers;  // Variables that count: limits of sums, under factorials.
  std::vector<std::pair<std::string, Complex>> bound;  // Fixed values, the last one counts.
};

SampledValue Evaluate(const Expr& expr, Point& point);

// Variables of an expression that must take whole values for it to make sense.
void CollectIntegerVariables(const Expr& expr, std::set<std::string>& names);

// The real value of an expression without variables, if it has one; infinite for oo.
std::optional<long double> RealConstant(const Expr& expr);

}  // namespace gradus
