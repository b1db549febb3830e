#pragma once
#include <gmpxx.h>

#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "schemas/base/seed.h"
#include "verify/answers/expression/ball.h"
#include "verify/answers/expression/expr.h"

namespace gradus {

// What may be spent on one comparison of answers, in additions: an elementary function costs some
// tens. Whoever has spent it all learns nothing more, so a comparison ends after milliseconds and
// depends on no clock.
struct Work {
  long left = 200000;
};

// The value of an expression at one point. An infinite value is oo, or beyond what can be held:
// only its sign is known.
struct SampledValue {
  Ball ball;
  bool valid = true;  // False: undefined, out of range, or not of a kind we evaluate.
  bool left_reals =
      false;              // An even root or a logarithm of a negative number was taken on the way.
  bool odd_root = false;  // A power like x^{1/3} of a negative number was: its value is a matter
                          // of taste.
};

// A point: every variable gets a value that follows from the seed and its name alone, so two
// expressions see the same point without agreeing on their variables. Unknown functions and
// indexed names get values that follow from the name and the values of the arguments.
struct Point {
  enum class Domain { kPositive, kNegative, kReal, kComplex };
  Seed seed = 0;
  Domain domain = Domain::kReal;
  double least = 0.3, most = 2.7;  // Size of the values; whole ones up to `most`.
  bool whole = false;              // Values are whole numbers.
  slong bits = 256;
  std::set<std::string> integers;                   // Variables that count: limits of sums.
  std::vector<std::pair<std::string, Ball>> bound;  // Fixed values, the last one counts.
};

SampledValue Evaluate(const Expr& expr, Point& point, Work& work);

// Variables of an expression that must take whole values for it to make sense.
void CollectIntegerVariables(const Expr& expr, std::set<std::string>& names);

// The real value of an expression without variables, if it has one; infinite for oo.
std::optional<long double> RealConstant(const Expr& expr);

// The same as a fraction within 2^-200 of it, relatively.
std::optional<mpq_class> NearRational(const Expr& expr, Work& work);

}  // namespace gradus
