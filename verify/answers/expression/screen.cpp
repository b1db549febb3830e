#include "verify/answers/expression/screen.h"

#include <algorithm>
#include <cmath>

#include "verify/answers/expression/exact.h"

namespace gradus {
namespace {

constexpr int kRealPoints = 20, kComplexPoints = 8, kEnoughPoints = 5;
constexpr int kMaxParts = 150;  // Of equations whose solutions are looked for.
constexpr slong kBits = 256, kMaxBits = 4096;

Point MakePoint(int number, Point::Domain domain, const std::set<std::string>& integers) {
  Point point;
  point.seed = MixSeed(0x6A09E667F3BCC908ull, static_cast<std::uint64_t>(number));
  point.domain = domain;
  point.integers = integers;
  return point;
}

// Small values at every other point, where roots and logarithms have somewhere to be; in between
// much larger ones and one that is much smaller. The first half is positive, the rest has signs.
Point RealPoint(int number, const std::set<std::string>& integers) {
  static constexpr double kSizes[][2] = {{3, 12}, {20, 200}, {1e3, 1e6}, {1e-3, 0.3}};
  const bool positive = number < kRealPoints / 2, small = number % 2 == 0;
  Point point = MakePoint(number,
                          positive ? Point::Domain::kPositive
                          : small  ? Point::Domain::kReal
                                   : Point::Domain::kNegative,
                          integers);
  point.whole = number % 10 == 8;
  if (small) return point;
  point.least = kSizes[number / 2 % 4][0];
  point.most = kSizes[number / 2 % 4][1];
  return point;
}

// So many bits that no number that was written down is lost beside another: "x + 10^{-60}".
slong BitsFor(const Expr& a, const Expr& b) {
  std::size_t most = 0;
  const auto look = [&](const Expr& e) {
    if (e.kind != ExprKind::kNumber && e.kind != ExprKind::kPower) return false;
    if (const auto value = HasVariables(e) ? std::nullopt : ExactValue(e)) {
      most = std::max({most, mpz_sizeinbase(value->get_num_mpz_t(), 2),
                       mpz_sizeinbase(value->get_den_mpz_t(), 2)});
    }
    return false;
  };
  AnyPart(a, look);
  AnyPart(b, look);
  return std::min(kMaxBits, kBits + (most > 64 ? 2 * static_cast<slong>(most) : 0));
}

Screened CompareSamples(const SampledValue& a, const SampledValue& b, slong bits) {
  if (!a.valid || !b.valid) return Screened::kUnknown;
  if (a.ball.IsInfinite() && b.ball.IsInfinite()) {
    const bool same = a.ball.IsPositive() == b.ball.IsPositive();
    return same ? Screened::kUnknown : Screened::kDiffer;
  }
  if (!a.ball.Overlaps(b.ball)) return Screened::kDiffer;
  const slong sharp = bits / 2 - 28;
  return a.ball.IsSharp(sharp) && b.ball.IsSharp(sharp) ? Screened::kAgree : Screened::kUnknown;
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
  bool partly = false;  // One side left the reals where the other did not.
};

template <class MakeOne>
Tally Count(const Expr& a, const Expr& b, int points, Work& work, const MakeOne& make) {
  Tally tally;
  const slong bits = BitsFor(a, b);
  for (int i = 0; i < points && !tally.differ; ++i) {
    Point point = make(i);
    point.bits = bits;
    const bool real = point.domain != Point::Domain::kComplex;
    const SampledValue x = Evaluate(a, point, work);
    if (!x.valid) continue;
    const SampledValue y = Evaluate(b, point, work);
    if (real && (x.odd_root || y.odd_root)) continue;
    if (real && y.valid && x.left_reals != y.left_reals) tally.partly = true;
    if (real && (x.left_reals || y.left_reals)) continue;
    const Screened result = CompareSamples(x, y, bits);
    if (result == Screened::kAgree) ++tally.agree;
    if (result == Screened::kDiffer) tally.differ = true;
  }
  if (work.left <= 0) tally.agree = 0;
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

std::optional<long double> RealAt(const Expr& expr, Point& point, Work& work) {
  const SampledValue s = Evaluate(expr, point, work);
  if (!s.valid || s.left_reals || !s.ball.IsReal() || !s.ball.IsSharp(80)) return {};
  return s.ball.Middle().real();
}

// Sign of the constant a / b, 0 when it is not constant, nothing when that cannot be seen.
std::optional<int> SignOfConstantRatio(const Expr& a, const Expr& b, Work& work) {
  const std::set<std::string> integers = IntegersOf(a, b);
  std::optional<Ball> first;
  const slong bits = BitsFor(a, b);
  int seen = 0;
  for (int i = 0; i < kRealPoints; ++i) {
    Point point = RealPoint(i, integers);
    point.bits = bits;
    const SampledValue x = Evaluate(a, point, work), y = Evaluate(b, point, work);
    if (!x.valid || !y.valid || x.left_reals || y.left_reals) continue;
    const bool zero_x = x.ball.ContainsZero(), zero_y = y.ball.ContainsZero();
    if (zero_x != zero_y) return 0;
    if (zero_x) continue;
    Ball ratio;
    acb_div(ratio.get(), x.ball.get(), y.ball.get(), bits);
    if (!ratio.IsSharp(60)) continue;
    if (!first) first = ratio;
    if (!first->Overlaps(ratio)) return 0;
    ++seen;
  }
  if (seen < kEnoughPoints || work.left <= 0) return {};
  return first->IsPositive() ? 1 : -1;
}

// The root of an expression in one variable when it is linear in it there.
std::optional<long double> LinearRoot(const Expr& expr, const std::string& name, Point point,
                                      Work& work) {
  long double values[3];
  for (int i = 0; i < 3; ++i) {
    point.bound = {{name, Ball(static_cast<double>(i) + 0.5)}};
    const auto value = RealAt(expr, point, work);
    if (!value) return {};
    values[i] = *value;
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
Screened ScreenByRoots(const Expr& a, const Expr& b, Work& work) {
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
      const auto x = LinearRoot(a, name, point, work), y = LinearRoot(b, name, point, work);
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
Tally CountSolutions(const Expr& a, const Expr& b, const std::string& name, Work& work) {
  Tally tally;
  const std::set<std::string> integers = IntegersOf(a, b);
  for (int i = 0; i < kRealPoints / 2 && !tally.differ; ++i) {
    Point point = RealPoint(2 * i, integers);
    const auto at = [&](const Expr& expr, long double x) {
      point.bound = {{name, Ball(static_cast<double>(x))}};
      return RealAt(expr, point, work);
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
Screened ScreenBySolutions(const Expr& a, const Expr& b, Work& work) {
  std::set<std::string> names;
  AddVariables(a, names);
  AddVariables(b, names);
  if (names.empty() || CountParts(a) + CountParts(b) > kMaxParts) return Screened::kUnknown;
  const Tally forth = CountSolutions(a, b, *names.begin(), work);
  const Tally back = CountSolutions(b, a, *names.begin(), work);
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

Screened ScreenValues(const Expr& a, const Expr& b, Work& work) {
  const std::set<std::string> integers = IntegersOf(a, b);
  if (!Varies(a) && !Varies(b)) {
    Point point = MakePoint(0, Point::Domain::kPositive, integers);
    point.bits = BitsFor(a, b);
    const SampledValue x = Evaluate(a, point, work), y = Evaluate(b, point, work);
    return CompareSamples(x, y, point.bits);
  }
  const Tally real = Count(a, b, kRealPoints, work, [&](int i) { return RealPoint(i, integers); });
  if (real.differ) return Screened::kDiffer;
  // Several names are the parameters of a formula, positive by custom.
  std::set<std::string> names;
  AddVariables(a, names);
  AddVariables(b, names);
  if (real.partly && real.agree > 0 && names.size() < 2) return Screened::kPartly;
  if (real.agree >= kEnoughPoints) return Screened::kAgree;
  const Tally complex = Count(a, b, kComplexPoints, work, [&](int i) {
    return MakePoint(100 + i, Point::Domain::kComplex, integers);
  });
  if (complex.differ) return Screened::kDiffer;
  return complex.agree >= kEnoughPoints ? Screened::kAgree : Screened::kUnknown;
}

Screened ScreenRelations(const Expr& a, const Expr& b, Work& work) {
  if (!IsSimple(a) || !IsSimple(b)) return Screened::kUnknown;
  const ExprPtr x = Difference(a), y = Difference(b);
  const bool order = Flipped(a.name[0]) != a.name[0];
  if (const auto sign = SignOfConstantRatio(*x, *y, work); sign && *sign != 0) {
    const char expected = *sign > 0 ? a.name[0] : Flipped(a.name[0]);
    return b.name[0] == expected ? Screened::kAgree : Screened::kDiffer;
  }
  if (order || Flipped(b.name[0]) != b.name[0] || a.name != b.name) return Screened::kUnknown;
  const Screened roots = ScreenByRoots(*x, *y, work);
  return roots == Screened::kUnknown ? ScreenBySolutions(*x, *y, work) : roots;
}

}  // namespace gradus
