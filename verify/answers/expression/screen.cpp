#include "verify/answers/expression/screen.h"

#include <algorithm>
#include <cmath>

#include "verify/answers/expression/sampled_value.h"

namespace gradus {
namespace {

constexpr int kRealPoints = 12, kComplexPoints = 8, kEnoughPoints = 5;
constexpr int kMaxParts = 150;  // Of equations whose solutions are looked for.

Point MakePoint(int number, Point::Domain domain, const std::set<std::string>& integers) {
  Point point;
  point.seed = MixSeed(0x6A09E667F3BCC908ull, static_cast<std::uint64_t>(number));
  point.domain = domain;
  point.integers = integers;
  return point;
}

// The first half of the real points is positive, so that roots and logarithms have somewhere to be.
Point RealPoint(int number, const std::set<std::string>& integers) {
  const bool positive = number < kRealPoints / 2;
  return MakePoint(number, positive ? Point::Domain::kPositive : Point::Domain::kReal, integers);
}

Screened CompareSamples(const SampledValue& a, const SampledValue& b) {
  if (!a.valid || !b.valid) return Screened::kUnknown;
  if (a.huge && b.huge) return a.value == b.value ? Screened::kUnknown : Screened::kDiffer;
  if (a.huge || b.huge) {
    // Beyond the range of the type against a number that is clearly inside it.
    return std::abs(a.huge ? b.value : a.value) < 1e4000L ? Screened::kDiffer : Screened::kUnknown;
  }
  const long double difference = std::abs(a.value - b.value);
  const long double size = std::max(std::abs(a.value), std::abs(b.value));
  const long double error = a.error + b.error;
  if (difference > 1e3L * error + 1e-13L * size) return Screened::kDiffer;
  const bool sharp = error < 1e-11L * size || (size < 1e-11L && error < 1e-14L);
  return sharp && difference <= 100 * error + 1e-17L * size ? Screened::kAgree : Screened::kUnknown;
}

// Whether the two have anything that differs from point to point.
bool Varies(const Expr& expr) {
  return AnyPart(expr, [](const Expr& e) {
    return IsVariable(e) || (e.kind == ExprKind::kCall &&
                             (e.name == "index" || e.name == "prime" || e.name.starts_with("f:")));
  });
}

struct Tally {
  int agree = 0;
  bool differ = false;
};

template <class MakeOne>
Tally Count(const Expr& a, const Expr& b, int points, bool skip_left_reals, const MakeOne& make) {
  Tally tally;
  for (int i = 0; i < points && !tally.differ; ++i) {
    Point point = make(i);
    const SampledValue x = Evaluate(a, point);
    if (!x.valid) continue;
    const SampledValue y = Evaluate(b, point);
    if (skip_left_reals && (x.left_reals || y.left_reals)) continue;
    const Screened result = CompareSamples(x, y);
    if (result == Screened::kAgree) ++tally.agree;
    if (result == Screened::kDiffer) tally.differ = true;
  }
  return tally;
}

std::set<std::string> IntegersOf(const Expr& a, const Expr& b) {
  std::set<std::string> integers;
  CollectIntegerVariables(a, integers);
  CollectIntegerVariables(b, integers);
  return integers;
}

// left - right of a simple relation.
ExprPtr Difference(const Expr& relation) {
  return MakeExpr(ExprKind::kAdd, {relation.parts[0], Negated(relation.parts[1])});
}

// Sign of the constant a / b, 0 when it is not constant, nothing when that cannot be seen.
std::optional<int> SignOfConstantRatio(const Expr& a, const Expr& b) {
  const std::set<std::string> integers = IntegersOf(a, b);
  std::optional<Complex> first;
  int seen = 0;
  for (int i = 0; i < kRealPoints; ++i) {
    Point point = RealPoint(i, integers);
    const SampledValue x = Evaluate(a, point), y = Evaluate(b, point);
    if (!x.valid || !y.valid || x.huge || y.huge || x.left_reals || y.left_reals) continue;
    const bool zero_x = std::abs(x.value) <= 1e3L * x.error,
               zero_y = std::abs(y.value) <= 1e3L * y.error;
    if (zero_x != zero_y) return 0;
    if (zero_x) continue;
    const Complex ratio = x.value / y.value;
    if (!first) first = ratio;
    if (std::abs(ratio - *first) > 1e-11L * std::abs(*first)) return 0;
    ++seen;
  }
  if (seen < kEnoughPoints) return {};
  return first->real() > 0 ? 1 : -1;
}

// The root of an expression in one variable when it is linear in it there.
std::optional<long double> LinearRoot(const Expr& expr, const std::string& name, Point point) {
  long double values[3];
  for (int i = 0; i < 3; ++i) {
    point.bound = {{name, static_cast<long double>(i) + 0.5L}};
    const SampledValue s = Evaluate(expr, point);
    if (!s.valid || s.huge || s.left_reals || s.value.imag() != 0) return {};
    values[i] = s.value.real();
  }
  const long double slope = values[1] - values[0];
  const long double scale = std::abs(values[0]) + std::abs(values[1]) + std::abs(values[2]);
  if (std::abs(values[2] - values[1] - slope) > 1e-14L * scale) return {};
  if (std::abs(slope) < 1e-9L * scale) return {};
  return 0.5L - values[0] / slope;
}

void AddVariables(const Expr& expr, std::set<std::string>& names) {
  if (IsVariable(expr)) names.insert(expr.name);
  for (const ExprPtr& part : expr.parts) AddVariables(*part, names);
}

// Two equations that are both linear in a variable are equal when they give it the same value.
Screened ScreenByRoots(const Expr& a, const Expr& b) {
  std::set<std::string> names;
  AddVariables(a, names);
  AddVariables(b, names);
  const std::set<std::string> integers = IntegersOf(a, b);
  for (const std::string& name : names) {
    int agree = 0;
    bool varies = names.size() == 1;
    std::optional<long double> first;
    for (int i = 0; i < kRealPoints; ++i) {
      const Point point = RealPoint(i, integers);
      const auto x = LinearRoot(a, name, point), y = LinearRoot(b, name, point);
      if (!x || !y) break;
      if (std::abs(*x - *y) > 1e-10L * (1 + std::abs(*x))) return Screened::kDiffer;
      // A root that nothing else moves, as of x (y + 1) = 0, says nothing of the rest.
      if (!first) first = x;
      varies = varies || std::abs(*x - *first) > 1e-6L;
      ++agree;
    }
    if (varies && agree >= kEnoughPoints) return Screened::kAgree;
  }
  return Screened::kUnknown;
}

// A zero between two points where the signs differ.
template <class Function>
long double Bisect(const Function& f, long double low, long double high) {
  const auto start = f(low);
  for (int i = 0; i < 70 && start; ++i) {
    const long double middle = (low + high) / 2;
    const auto value = f(middle);
    if (!value) break;
    (*value * *start > 0 ? low : high) = middle;
  }
  return (low + high) / 2;
}

// Real solutions of a = 0 on lines parallel to one axis, and whether b = 0 holds there too.
Tally CountSolutions(const Expr& a, const Expr& b, const std::string& name) {
  Tally tally;
  const std::set<std::string> integers = IntegersOf(a, b);
  for (int i = 0; i < kRealPoints / 2 && !tally.differ; ++i) {
    Point point = RealPoint(i, integers);
    const auto at = [&](const Expr& expr, long double x) -> std::optional<long double> {
      point.bound = {{name, x}};
      const SampledValue s = Evaluate(expr, point);
      if (!s.valid || s.huge || s.left_reals || s.value.imag() != 0) return {};
      return s.value.real();
    };
    std::optional<long double> before;
    for (long double x = -4.03L; x < 4 && !tally.differ; x += 0.37L) {
      const auto value = at(a, x);
      if (value && before && *value * *before < 0) {
        const long double size = std::max(std::abs(*value), std::abs(*before));
        const long double root = Bisect([&](long double t) { return at(a, t); }, x - 0.37L, x);
        const auto rest = at(a, root), other = at(b, root);
        const auto left = at(b, x - 0.37L), right = at(b, x);
        // A change of sign at a pole is no solution.
        if (rest && other && left && right && std::abs(*rest) < 1e-12L * size) {
          const long double scale = std::max(std::abs(*left), std::abs(*right));
          if (std::abs(*other) > 1e-6L * scale) tally.differ = true;
          if (std::abs(*other) < 1e-12L * scale) ++tally.agree;
        }
      }
      before = value;
    }
  }
  return tally;
}

int CountParts(const Expr& expr) {
  int count = 0;
  AnyPart(expr, [&](const Expr&) { return ++count > kMaxParts; });
  return count;
}

// Equations in two or more variables are equal when the solutions of each solve the other.
Screened ScreenBySolutions(const Expr& a, const Expr& b) {
  std::set<std::string> names;
  AddVariables(a, names);
  AddVariables(b, names);
  if (names.empty() || CountParts(a) + CountParts(b) > kMaxParts) return Screened::kUnknown;
  const Tally forth = CountSolutions(a, b, *names.begin());
  const Tally back = CountSolutions(b, a, *names.begin());
  if (forth.differ || back.differ) return Screened::kDiffer;
  const bool enough =
      names.size() > 1 && forth.agree >= kEnoughPoints && back.agree >= kEnoughPoints;
  return enough ? Screened::kAgree : Screened::kUnknown;
}

bool IsSimple(const Expr& relation) {
  return relation.parts.size() == 2 && relation.name[0] != relation::kIn;
}

// The mirrored operator: a < b is b > a.
char Flipped(char op) {
  switch (op) {
    case relation::kLess:
      return relation::kGreater;
    case relation::kGreater:
      return relation::kLess;
    case relation::kAtMost:
      return relation::kAtLeast;
    case relation::kAtLeast:
      return relation::kAtMost;
    default:
      return op;
  }
}

}  // namespace

Screened ScreenValues(const Expr& a, const Expr& b) {
  const std::set<std::string> integers = IntegersOf(a, b);
  if (!Varies(a) && !Varies(b)) {
    Point point = MakePoint(0, Point::Domain::kPositive, integers);
    return CompareSamples(Evaluate(a, point), Evaluate(b, point));
  }
  const Tally real = Count(a, b, kRealPoints, true, [&](int i) { return RealPoint(i, integers); });
  if (real.differ) return Screened::kDiffer;
  if (real.agree >= kEnoughPoints) return Screened::kAgree;
  const Tally complex = Count(a, b, kComplexPoints, false, [&](int i) {
    return MakePoint(100 + i, Point::Domain::kComplex, integers);
  });
  if (complex.differ) return Screened::kDiffer;
  return complex.agree >= kEnoughPoints ? Screened::kAgree : Screened::kUnknown;
}

Screened ScreenRelations(const Expr& a, const Expr& b) {
  if (!IsSimple(a) || !IsSimple(b)) return Screened::kUnknown;
  const ExprPtr x = Difference(a), y = Difference(b);
  const bool order = Flipped(a.name[0]) != a.name[0];
  if (const auto sign = SignOfConstantRatio(*x, *y); sign && *sign != 0) {
    const char expected = *sign > 0 ? a.name[0] : Flipped(a.name[0]);
    return b.name[0] == expected ? Screened::kAgree : Screened::kDiffer;
  }
  if (order || Flipped(b.name[0]) != b.name[0] || a.name != b.name) return Screened::kUnknown;
  const Screened roots = ScreenByRoots(*x, *y);
  return roots == Screened::kUnknown ? ScreenBySolutions(*x, *y) : roots;
}

}  // namespace gradus
