#include "verify/answers/expression/sampled_value.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>

#include "verify/answers/expression/exact.h"

namespace gradus {
namespace {

constexpr long kMaxTerms = 1000;
constexpr long kFunctionCost = 40;  // In additions, at the usual precision.
constexpr slong kSharpBits = 100;

SampledValue Invalid() {
  SampledValue sample;
  sample.valid = false;
  return sample;
}

SampledValue Of(Ball ball) {
  SampledValue sample;
  sample.ball = std::move(ball);
  return sample;
}

Ball Turned(double size, double angle) {
  return Ball(size * std::cos(angle), size * std::sin(angle));
}

SampledValue Infinite(bool negative) {
  SampledValue sample;
  (negative ? arb_neg_inf : arb_pos_inf)(sample.ball.real());
  return sample;
}

// The flags of a result are those of everything it was made of.
SampledValue Joined(SampledValue result, const SampledValue& a, const SampledValue& b) {
  result.valid = result.valid && a.valid && b.valid;
  result.left_reals = result.left_reals || a.left_reals || b.left_reals;
  result.odd_root = result.odd_root || a.odd_root || b.odd_root;
  const bool known = result.ball.IsFinite() || result.ball.IsInfinite();
  return result.valid && known ? result : Invalid();
}

using Function = void (*)(acb_ptr, acb_srcptr, slong);
const std::map<std::string, Function, std::less<>> kFunctions = {
    {"sin", acb_sin},   {"cos", acb_cos},   {"tan", acb_tan},   {"cot", acb_cot},
    {"sec", acb_sec},   {"csc", acb_csc},   {"sinh", acb_sinh}, {"cosh", acb_cosh},
    {"tanh", acb_tanh}, {"atan", acb_atan}, {"asin", acb_asin}, {"acos", acb_acos},
    {"log", acb_log},   {"Log", acb_log},
};

class Evaluator {
 public:
  Evaluator(Point& point, Work& work) : point_(point), work_(work) {}

  SampledValue Run(const Expr& expr) {
    if (!Spend(1)) return Invalid();
    switch (expr.kind) {
      case ExprKind::kNumber:
      case ExprKind::kBased:
        return Of(Ball::Of(expr.value, point_.bits));
      case ExprKind::kSymbol:
        return Symbol(expr.name);
      case ExprKind::kAdd:
        return Sum(expr);
      case ExprKind::kMul:
        return Product(expr);
      case ExprKind::kPower:
        return Power(expr);
      case ExprKind::kPercent:
        return Times(Run(*expr.parts[0]), Of(Ball::Of(mpq_class(1, 100), point_.bits)));
      case ExprKind::kUnit:
        return Run(*expr.parts[0]);
      case ExprKind::kRatio:
        if (expr.parts.size() != 2) return Invalid();
        return Times(Run(*expr.parts[0]), Inverse(Run(*expr.parts[1])));
      case ExprKind::kCall:
        return Call(expr);
      default:
        return Invalid();
    }
  }

 private:
  bool Spend(long additions) {
    work_.left -= additions * (1 + point_.bits / 512);
    return work_.left > 0;
  }

  double Uniform(Seed seed, int part) const {
    return UniformFromBits(MixSeed(seed, static_cast<std::uint64_t>(part)));
  }

  // A value that follows from a seed, in the domain of the point.
  SampledValue Drawn(Seed seed) const {
    const double drawn = point_.least + (point_.most - point_.least) * Uniform(seed, 1);
    const double size = point_.whole ? std::ceil(drawn) : drawn;
    switch (point_.domain) {
      case Point::Domain::kPositive:
        return Of(Ball(size));
      case Point::Domain::kNegative:
        return Of(Ball(-size));
      case Point::Domain::kReal:
        return Of(Ball(Uniform(seed, 2) < 0.5 ? -size : size));
      default:
        return Of(Turned(size, 6.2 * Uniform(seed, 2) - 3.1));
    }
  }

  SampledValue Symbol(const std::string& name) {
    for (auto it = point_.bound.rbegin(); it != point_.bound.rend(); ++it) {
      if (it->first == name) return Of(it->second);
    }
    SampledValue constant;
    if (name == "pi") {
      acb_const_pi(constant.ball.get(), point_.bits);
      return constant;
    }
    if (name == "e") {
      arb_const_e(constant.ball.real(), point_.bits);
      return constant;
    }
    if (name == "i") return Of(Ball(0, 1));
    if (name == "oo") return Infinite(false);
    if (name == "zoo" || name == "..." || name == "Reals") return Invalid();
    const Seed seed = MixSeed(point_.seed, std::string_view(name));
    if (point_.integers.contains(name)) {
      const double from = std::floor(point_.least);
      const double size = std::floor(std::min(point_.most, from + 1000)) - from;
      return Of(Ball(from + std::floor((size + 1) * Uniform(seed, 1))));
    }
    return Drawn(seed);
  }

  SampledValue Sum(const Expr& expr) {
    SampledValue total;
    for (const ExprPtr& part : expr.parts) {
      const SampledValue term = Run(*part);
      if (!term.valid) return Invalid();
      total = Plus(total, term);
    }
    return total;
  }

  SampledValue Product(const Expr& expr) {
    SampledValue total = Of(Ball(1));
    for (const ExprPtr& part : expr.parts) {
      const SampledValue factor = Run(*part);
      if (!factor.valid) return Invalid();
      total = Times(total, factor);
    }
    return total;
  }

  SampledValue Plus(const SampledValue& a, const SampledValue& b) const {
    SampledValue sum;
    acb_add(sum.ball.get(), a.ball.get(), b.ball.get(), point_.bits);
    return Joined(std::move(sum), a, b);
  }

  SampledValue Times(const SampledValue& a, const SampledValue& b) const {
    SampledValue product;
    acb_mul(product.ball.get(), a.ball.get(), b.ball.get(), point_.bits);
    return Joined(std::move(product), a, b);
  }

  SampledValue Inverse(const SampledValue& x) const {
    if (!x.valid || !x.ball.IsFinite() || x.ball.ContainsZero()) return Invalid();
    SampledValue inverse;
    acb_inv(inverse.ball.get(), x.ball.get(), point_.bits);
    return Joined(std::move(inverse), x, x);
  }

  SampledValue Power(const Expr& expr) {
    const SampledValue base = Run(*expr.parts[0]), exponent = Run(*expr.parts[1]);
    if (!base.valid || !exponent.valid) return Invalid();
    const auto fraction = HasVariables(*expr.parts[1]) ? std::nullopt : ExactValue(*expr.parts[1]);
    return Raised(base, exponent, fraction && fraction->get_den() % 2 != 0);
  }

  SampledValue Raised(const SampledValue& base, const SampledValue& exponent, bool odd) {
    if (!Spend(kFunctionCost)) return Invalid();
    const Ball &x = base.ball, &y = exponent.ball;
    if (!x.IsFinite() || !y.IsFinite() || IsTower(x, y)) {
      const bool grows = x.IsPositive() && y.IsPositive() && Exceeds(x, 1.001) && Exceeds(y, 0.999);
      return grows ? Joined(Infinite(false), base, exponent) : Invalid();
    }
    if (x.IsZero()) return y.IsPositive() ? Joined(SampledValue{}, base, exponent) : Invalid();
    SampledValue result;
    const auto whole = y.Whole();
    if (whole && std::labs(*whole) < 4000) {
      if (*whole < 0 && x.ContainsZero()) return Invalid();
      acb_pow_si(result.ball.get(), x.get(), *whole, point_.bits);
      return Joined(std::move(result), base, exponent);
    }
    const bool negative = x.IsReal() && !x.IsPositive();
    result.left_reals = negative && !(odd && !whole);
    result.odd_root = negative && odd && !whole;
    acb_pow(result.ball.get(), x.get(), y.get(), point_.bits);
    return Joined(std::move(result), base, exponent);
  }

  static bool Exceeds(const Ball& ball, double bound) {
    return arb_gt(ball.real(), Ball(bound).real());
  }

  // A power beyond what a ball can hold.
  static bool IsTower(const Ball& base, const Ball& exponent) {
    mag_t size, exponent_size;
    mag_init(size);
    mag_init(exponent_size);
    acb_get_mag(exponent_size, exponent.get());
    acb_get_mag(size, base.get());
    const bool tower =
        mag_cmp_2exp_si(exponent_size, 40) > 0 || mag_cmp_2exp_si(size, 1L << 40) > 0;
    mag_clear(size);
    mag_clear(exponent_size);
    return tower;
  }

  SampledValue Call(const Expr& call) {
    if (call.name == "sum" || call.name == "prod") return Series(call);
    if (call.name == "int" || call.name == "limit" || call.parts.empty()) return Invalid();
    if (call.name == "index" || call.name == "prime" || call.name.starts_with("f:") ||
        call.name == "norm") {
      return Unknown(call);
    }
    const SampledValue x = Run(*call.parts[0]);
    if (!x.valid || !x.ball.IsFinite() || !Spend(kFunctionCost)) return Invalid();
    if (call.parts.size() == 1) return OfOne(call.name, x);
    const SampledValue y = Run(*call.parts[1]);
    if (!y.valid || !y.ball.IsFinite() || call.parts.size() != 2) return Invalid();
    return OfTwo(call.name, x, y);
  }

  SampledValue OfOne(const std::string& name, const SampledValue& x) {
    SampledValue result;
    const Ball& at = x.ball;
    if (const auto function = kFunctions.find(name); function != kFunctions.end()) {
      const bool logarithm = name == "log" || name == "Log";
      if (logarithm && at.ContainsZero()) return Invalid();
      function->second(result.ball.get(), at.get(), point_.bits);
      const bool arc = name == "asin" || name == "acos";
      result.left_reals =
          at.IsReal() && ((logarithm && at.IsNegative()) || (arc && !result.ball.IsReal()));
      return Joined(std::move(result), x, x);
    }
    if (name == "abs") {
      acb_abs(result.ball.real(), at.get(), point_.bits);
      return Joined(std::move(result), x, x);
    }
    if (!at.IsReal()) return Invalid();
    if (name == "factorial") {
      if (at.IsNegative() || Exceeds(at, 1e5)) return Invalid();
      arb_add_ui(result.ball.real(), at.real(), 1, point_.bits);
      arb_gamma(result.ball.real(), result.ball.real(), point_.bits);
    } else if (name == "floor" || name == "ceil") {
      (name == "floor" ? arb_floor : arb_ceil)(result.ball.real(), at.real(), point_.bits);
    } else {
      return Invalid();
    }
    return Joined(std::move(result), x, x);
  }

  SampledValue OfTwo(const std::string& name, const SampledValue& x, const SampledValue& y) {
    if (name == "log") return Times(OfOne(name, x), Inverse(OfOne(name, y)));
    if (name == "root") return Root(x, y);
    if (!x.ball.IsReal() || !y.ball.IsReal()) return Invalid();
    SampledValue result;
    if (name == "max" || name == "min") {
      (name == "max" ? arb_max : arb_min)(result.ball.real(), x.ball.real(), y.ball.real(),
                                          point_.bits);
      return Joined(std::move(result), x, y);
    }
    const auto k = y.ball.Whole();
    if (name == "binomial" && k && *k >= 0 && *k <= kMaxTerms && Spend(*k)) {
      return Joined(Binomial(x.ball, *k), x, y);
    }
    const auto n = x.ball.Whole();
    if (!n || !k || (name != "gcd" && name != "lcm")) return Invalid();
    const long value = name == "gcd" ? std::gcd(*n, *k) : std::lcm(*n, *k);
    return Joined(Of(Ball::Of(mpq_class(value), point_.bits)), x, y);
  }

  // The real root of a negative number where its degree is odd, as LaTeX writes it.
  SampledValue Root(const SampledValue& x, const SampledValue& degree) {
    const auto n = degree.ball.Whole();
    if (!n || *n == 0 || *n % 2 == 0 || !x.ball.IsNegative()) {
      return Raised(x, Inverse(degree), false);
    }
    const SampledValue minus = Of(Ball(-1));
    return Times(Raised(Times(x, minus), Inverse(degree), false), minus);
  }

  // n (n-1) ... (n-k+1) / k!
  SampledValue Binomial(const Ball& n, long k) const {
    SampledValue result;
    acb_t factor;
    acb_init(factor);
    acb_one(result.ball.get());
    for (long i = 0; i < k; ++i) {
      acb_sub_si(factor, n.get(), i, point_.bits);
      acb_mul(result.ball.get(), result.ball.get(), factor, point_.bits);
      acb_div_si(result.ball.get(), result.ball.get(), i + 1, point_.bits);
    }
    acb_clear(factor);
    return result;
  }

  // A function that nothing is known of: its values look random but depend on nothing else.
  SampledValue Unknown(const Expr& call) {
    Seed seed = MixSeed(point_.seed, std::string_view(call.name));
    for (const ExprPtr& part : call.parts) {
      const SampledValue x = Run(*part);
      if (!x.valid || !x.ball.IsSharp(kSharpBits)) return Invalid();
      const auto middle = x.ball.Middle();
      if (std::abs(middle) > 1e12L) return Invalid();
      for (const long double coordinate : {middle.real(), middle.imag()}) {
        seed = MixSeed(seed, static_cast<std::uint64_t>(std::llround(coordinate * 1e6L)));
      }
    }
    return Drawn(seed);
  }

  SampledValue Series(const Expr& call) {
    const SampledValue from = Run(*call.parts[1]), to = Run(*call.parts[2]);
    const auto first = from.ball.Whole(), last = to.ball.Whole();
    if (!from.valid || !to.valid || !first || !last || *last - *first > kMaxTerms) return Invalid();
    const bool sum = call.name == "sum";
    SampledValue total = Of(Ball(sum ? 0.0 : 1.0));
    for (long k = *first; k <= *last && total.valid; ++k) {
      point_.bound.emplace_back(call.parts[0]->name, Ball(static_cast<double>(k)));
      const SampledValue term = Run(*call.parts[3]);
      point_.bound.pop_back();
      total = sum ? Plus(total, term) : Times(total, term);
    }
    return total;
  }

  Point& point_;
  Work& work_;
};

void AddVariables(const Expr& expr, std::set<std::string>& names) {
  if (IsVariable(expr)) names.insert(expr.name);
  for (const ExprPtr& part : expr.parts) AddVariables(*part, names);
}

}  // namespace

SampledValue Evaluate(const Expr& expr, Point& point, Work& work) {
  return Evaluator(point, work).Run(expr);
}

void CollectIntegerVariables(const Expr& expr, std::set<std::string>& names) {
  if (expr.kind == ExprKind::kCall) {
    if (expr.name == "sum" || expr.name == "prod") {
      AddVariables(*expr.parts[1], names);
      AddVariables(*expr.parts[2], names);
    } else if (expr.name == "factorial" || expr.name == "binomial" || expr.name == "gcd" ||
               expr.name == "lcm") {
      for (const ExprPtr& part : expr.parts) AddVariables(*part, names);
    }
  }
  // (-1)^n
  if (expr.kind == ExprKind::kPower && expr.parts[0]->kind == ExprKind::kNumber &&
      expr.parts[0]->value < 0) {
    AddVariables(*expr.parts[1], names);
  }
  for (const ExprPtr& part : expr.parts) CollectIntegerVariables(*part, names);
}

std::optional<long double> RealConstant(const Expr& expr) {
  if (HasVariables(expr)) return {};
  Point point;
  Work work;
  const SampledValue s = Evaluate(expr, point, work);
  if (!s.valid || !arb_contains_zero(s.ball.imag())) return {};
  if (s.ball.IsInfinite()) return s.ball.Middle().real();
  if (!s.ball.IsSharp(kSharpBits)) return {};
  return s.ball.Middle().real();
}

std::optional<mpq_class> NearRational(const Expr& expr, Work& work) {
  if (HasVariables(expr)) return {};
  Point point;
  const SampledValue s = Evaluate(expr, point, work);
  if (!s.valid || !arb_contains_zero(s.ball.imag()) || !s.ball.IsSharp(200)) return {};
  return s.ball.ExactMiddle();
}

}  // namespace gradus
