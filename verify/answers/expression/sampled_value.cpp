#include "verify/answers/expression/sampled_value.h"

#include <cmath>
#include <limits>
#include <numeric>

namespace gradus {
namespace {

constexpr long double kEpsilon = 4 * std::numeric_limits<long double>::epsilon();
constexpr long double kInfinity = std::numeric_limits<long double>::infinity();
constexpr int kMaxTerms = 1000;
constexpr int kMaxSteps = 20000;

SampledValue Invalid() {
  SampledValue sample;
  sample.valid = false;
  return sample;
}

SampledValue Exactly(Complex value) {
  return {value, kEpsilon * std::abs(value), true, false, false};
}

SampledValue Huge(bool negative) {
  SampledValue sample;
  sample.value = negative ? -kInfinity : kInfinity;
  sample.huge = true;
  return sample;
}

bool IsReal(const SampledValue& s) { return s.value.imag() == 0; }

// A rounding error must not choose the branch of a root.
Complex WithoutDust(Complex z) {
  if (std::abs(z.imag()) < 1e-17L * std::abs(z.real())) return z.real();
  return z;
}

SampledValue Checked(SampledValue s) {
  if (!std::isfinite(s.value.real()) || !std::isfinite(s.value.imag())) return Invalid();
  s.value = WithoutDust(s.value);
  return s;
}

bool IsWhole(const SampledValue& s) {
  return !s.huge && IsReal(s) && std::abs(s.value.real()) < 1e6L &&
         std::abs(s.value.real() - std::round(s.value.real())) < 1e-12L;
}

class Evaluator {
 public:
  explicit Evaluator(Point& point) : point_(point) {}

  SampledValue Run(const Expr& expr) {
    if (++steps_ > kMaxSteps) return Invalid();
    switch (expr.kind) {
      case ExprKind::kNumber:
      case ExprKind::kBased:
        return Literal(expr.value);
      case ExprKind::kSymbol:
        return Symbol(expr.name);
      case ExprKind::kAdd:
        return Sum(expr);
      case ExprKind::kMul:
        return Product(expr);
      case ExprKind::kPower:
        return Power(Run(*expr.parts[0]), Run(*expr.parts[1]));
      case ExprKind::kPercent:
        return Times(Run(*expr.parts[0]), Exactly(0.01L));
      case ExprKind::kUnit:
        return Run(*expr.parts[0]);
      case ExprKind::kRatio:
        if (expr.parts.size() != 2) return Invalid();
        return Times(Run(*expr.parts[0]), Power(Run(*expr.parts[1]), Exactly(-1)));
      case ExprKind::kCall:
        return Call(expr);
      default:
        return Invalid();
    }
  }

 private:
  static SampledValue Literal(const mpq_class& value) {
    // Two doubles hold more digits than the type below has.
    const double high = value.get_d();
    if (!std::isfinite(high)) return Huge(value < 0);
    const mpq_class rest = value - mpq_class(high);
    const SampledValue s = Exactly(static_cast<long double>(high) + rest.get_d());
    return s.value == Complex(0) && value != 0 ? Invalid() : s;
  }

  long double Uniform(Seed seed, int part) const {
    return UniformFromBits(MixSeed(seed, static_cast<std::uint64_t>(part)));
  }

  // A value that follows from a seed, in the domain of the point.
  SampledValue Drawn(Seed seed) const {
    const long double size = 0.3L + 2.4L * Uniform(seed, 1);
    switch (point_.domain) {
      case Point::Domain::kPositive:
        return Exactly(size);
      case Point::Domain::kReal:
        return Exactly(Uniform(seed, 2) < 0.5L ? -size : size);
      default:
        return Exactly(std::polar(size, 6.2L * Uniform(seed, 2) - 3.1L));
    }
  }

  SampledValue Symbol(const std::string& name) {
    for (auto it = point_.bound.rbegin(); it != point_.bound.rend(); ++it) {
      if (it->first == name) return Exactly(it->second);
    }
    if (name == "pi") return Exactly(std::acos(-1.0L));
    if (name == "e") return Exactly(std::exp(1.0L));
    if (name == "i") return Exactly(Complex(0, 1));
    if (name == "oo") return Huge(false);
    if (name == "zoo" || name == "..." || name == "Reals") return Invalid();
    const Seed seed = MixSeed(point_.seed, std::string_view(name));
    if (point_.integers.contains(name)) return Exactly(3 + static_cast<int>(4 * Uniform(seed, 1)));
    return Drawn(seed);
  }

  SampledValue Sum(const Expr& expr) {
    SampledValue total = Exactly(0);
    for (const ExprPtr& part : expr.parts) total = Plus(total, Run(*part));
    return total;
  }

  SampledValue Product(const Expr& expr) {
    SampledValue total = Exactly(1);
    for (const ExprPtr& part : expr.parts) total = Times(total, Run(*part));
    return total;
  }

  static SampledValue Flags(SampledValue result, const SampledValue& a, const SampledValue& b) {
    result.valid = result.valid && a.valid && b.valid;
    result.left_reals = result.left_reals || a.left_reals || b.left_reals;
    return result;
  }

  static SampledValue Plus(const SampledValue& a, const SampledValue& b) {
    if (!a.valid || !b.valid) return Invalid();
    if (a.huge || b.huge) {
      const bool cancels = a.huge && b.huge && a.value != b.value;
      if (cancels || !IsReal(a) || !IsReal(b)) return Invalid();
      return Flags(a.huge ? a : b, a, b);
    }
    SampledValue s;
    s.value = a.value + b.value;
    s.error = a.error + b.error + kEpsilon * std::max(std::abs(a.value), std::abs(b.value));
    return Flags(Checked(s), a, b);
  }

  static SampledValue Times(const SampledValue& a, const SampledValue& b) {
    if (!a.valid || !b.valid) return Invalid();
    if (a.huge || b.huge) {
      // A huge number times a small one may be anything.
      const auto grows = [](const SampledValue& s) {
        return IsReal(s) && std::abs(s.value.real()) > 1e-3L;
      };
      if (!grows(a) || !grows(b)) return Invalid();
      return Flags(Huge((a.value.real() < 0) != (b.value.real() < 0)), a, b);
    }
    SampledValue s;
    s.value = IsReal(a) && IsReal(b) ? Complex(a.value.real() * b.value.real()) : a.value * b.value;
    s.error =
        std::abs(a.value) * b.error + std::abs(b.value) * a.error + kEpsilon * std::abs(s.value);
    return Flags(Checked(s), a, b);
  }

  static SampledValue Power(const SampledValue& base, const SampledValue& exponent) {
    if (!base.valid || !exponent.valid) return Invalid();
    if (base.huge || exponent.huge) {
      const bool grows = IsReal(base) && IsReal(exponent) && base.value.real() > 1.001L &&
                         exponent.value.real() >= 1;
      return grows ? Flags(Huge(false), base, exponent) : Invalid();
    }
    if (base.value == Complex(0)) {
      const bool zero = IsReal(exponent) && exponent.value.real() > 0 && base.error == 0;
      return zero ? Exactly(0) : Invalid();
    }
    SampledValue s;
    const long double e = exponent.value.real();
    if (IsWhole(exponent) && exponent.error < 1e-12L) {
      s.value = IntegerPower(base.value, static_cast<long>(std::llround(e)));
    } else {
      s.left_reals = IsReal(base) && base.value.real() < 0;
      s.value = IsReal(base) && IsReal(exponent) && !s.left_reals
                    ? Complex(std::pow(base.value.real(), e))
                    : std::exp(exponent.value * std::log(base.value));
    }
    const long double size = std::abs(s.value);
    if (!std::isfinite(size)) {
      const bool grows = IsReal(base) && base.value.real() > 1 && IsReal(exponent) && e > 0;
      return grows ? Flags(Huge(false), base, exponent) : Invalid();
    }
    if (size == 0) return Invalid();  // Too small to be told from nothing.
    s.error = size * (std::abs(exponent.value) * base.error / std::abs(base.value) +
                      std::abs(std::log(base.value)) * exponent.error +
                      kEpsilon * (2 + std::abs(exponent.value)));
    return Flags(Checked(s), base, exponent);
  }

  static Complex IntegerPower(Complex base, long exponent) {
    Complex result = 1;
    Complex square = base;
    const bool real = base.imag() == 0;
    for (unsigned long n = static_cast<unsigned long>(std::labs(exponent)); n > 0; n >>= 1) {
      if (n & 1) result = real ? Complex(result.real() * square.real()) : result * square;
      square = real ? Complex(square.real() * square.real()) : square * square;
    }
    return exponent < 0 ? 1.0L / result : result;
  }

  // A function with an estimate of its slope.
  static SampledValue Smooth(const SampledValue& x, Complex value, long double slope) {
    if (!x.valid || x.huge) return Invalid();
    SampledValue s =
        Checked({value, slope * x.error + kEpsilon * std::abs(value), true, false, false});
    return Flags(s, x, x);
  }

  SampledValue Call(const Expr& call) {
    if (call.name == "sum" || call.name == "prod") return Series(call);
    if (call.name == "int" || call.parts.empty()) return Invalid();
    if (call.name == "index" || call.name == "prime" || call.name.starts_with("f:") ||
        call.name == "norm") {
      return Unknown(call);
    }
    const SampledValue x = Run(*call.parts[0]);
    if (!x.valid || x.huge) return Invalid();
    if (call.parts.size() == 1) return OfOne(call.name, x);
    const SampledValue y = Run(*call.parts[1]);
    if (!y.valid || y.huge || call.parts.size() != 2) return Invalid();
    return OfTwo(call.name, x, y);
  }

  static SampledValue OfOne(const std::string& name, const SampledValue& x) {
    const Complex z = x.value;
    const long double r = z.real();
    if (name == "sin") return Smooth(x, std::sin(z), std::abs(std::cos(z)) + kEpsilon);
    if (name == "cos") return Smooth(x, std::cos(z), std::abs(std::sin(z)) + kEpsilon);
    if (name == "tan") return Smooth(x, std::tan(z), 1 + std::norm(std::tan(z)));
    if (name == "cot")
      return Power(Smooth(x, std::tan(z), 1 + std::norm(std::tan(z))), Exactly(-1));
    if (name == "sec") return Power(Smooth(x, std::cos(z), 1 + std::abs(std::sin(z))), Exactly(-1));
    if (name == "csc") return Power(Smooth(x, std::sin(z), 1 + std::abs(std::cos(z))), Exactly(-1));
    if (name == "sinh") return Smooth(x, std::sinh(z), std::abs(std::cosh(z)));
    if (name == "cosh") return Smooth(x, std::cosh(z), 1 + std::abs(std::sinh(z)));
    if (name == "tanh") return Smooth(x, std::tanh(z), 1 + std::norm(std::tanh(z)));
    if (name == "atan") return Smooth(x, IsReal(x) ? Complex(std::atan(r)) : std::atan(z), 2);
    if (name == "asin" || name == "acos") {
      const bool inside = IsReal(x) && std::abs(r) <= 1;
      const bool sine = name == "asin";
      const Complex value = inside ? Complex(sine ? std::asin(r) : std::acos(r))
                                   : (sine ? std::asin(z) : std::acos(z));
      SampledValue s = Smooth(x, value, 1e3L);
      s.left_reals = s.left_reals || (IsReal(x) && !inside);
      return s;
    }
    if (name == "log") return Logarithm(x);
    if (name == "abs") return Smooth(x, std::abs(z), 1);
    if (name == "factorial") {
      if (!IsReal(x) || r < 0 || r > 1700) return Invalid();
      return Smooth(x, std::tgamma(r + 1), std::tgamma(r + 1) * 20);
    }
    if (!IsReal(x)) return Invalid();
    // On a step the rounding error decides.
    const bool step = std::abs(r - std::round(r)) < 1e-12L;
    if (name == "floor") return Smooth(x, step ? std::round(r) : std::floor(r), 0);
    if (name == "ceil") return Smooth(x, step ? std::round(r) : std::ceil(r), 0);
    return Invalid();
  }

  static SampledValue Logarithm(const SampledValue& x) {
    if (x.value == Complex(0)) return Invalid();
    const bool positive = IsReal(x) && x.value.real() > 0;
    SampledValue s = Smooth(x, positive ? Complex(std::log(x.value.real())) : std::log(x.value),
                            1 / std::abs(x.value));
    s.left_reals = s.left_reals || (IsReal(x) && !positive);
    return s;
  }

  static SampledValue OfTwo(const std::string& name, const SampledValue& x, const SampledValue& y) {
    if (name == "log") return Times(Logarithm(x), Power(Logarithm(y), Exactly(-1)));
    if (name == "root") {
      const bool odd = IsWhole(y) && std::fmod(std::abs(y.value.real()), 2.0L) == 1;
      if (IsReal(x) && x.value.real() < 0 && odd) {
        SampledValue s = Power(Times(x, Exactly(-1)), Power(y, Exactly(-1)));
        s.value = -s.value;
        return s;
      }
      return Power(x, Power(y, Exactly(-1)));
    }
    if (!IsReal(x) || !IsReal(y)) return Invalid();
    const long double a = x.value.real(), b = y.value.real();
    if (name == "max") return Flags(Smooth(x, std::max(a, b), 1), x, y);
    if (name == "min") return Flags(Smooth(x, std::min(a, b), 1), x, y);
    if (!IsWhole(x) || !IsWhole(y)) return Invalid();
    const auto n = std::llround(a), k = std::llround(b);
    if (name == "gcd") return Exactly(static_cast<long double>(std::gcd(n, k)));
    if (name == "lcm") return Exactly(static_cast<long double>(std::lcm(n, k)));
    if (name == "binomial" && k >= 0 && k <= kMaxTerms) {
      long double result = 1;
      for (long long i = 1; i <= k; ++i) {
        result = result * static_cast<long double>(n - k + i) / static_cast<long double>(i);
      }
      return Checked(Exactly(result));
    }
    return Invalid();
  }

  // A function that nothing is known of: its values look random but depend on nothing else.
  SampledValue Unknown(const Expr& call) {
    Seed seed = MixSeed(point_.seed, std::string_view(call.name));
    for (const ExprPtr& part : call.parts) {
      const SampledValue x = Run(*part);
      if (!x.valid || x.huge) return Invalid();
      if (std::abs(x.value) > 1e12L) return Invalid();
      for (const long double coordinate : {x.value.real(), x.value.imag()}) {
        seed = MixSeed(seed, static_cast<std::uint64_t>(std::llround(coordinate * 1e6L)));
      }
    }
    return Drawn(seed);
  }

  SampledValue Series(const Expr& call) {
    const SampledValue from = Run(*call.parts[1]), to = Run(*call.parts[2]);
    if (!from.valid || !to.valid || !IsWhole(from) || !IsWhole(to)) return Invalid();
    const auto first = std::llround(from.value.real()), last = std::llround(to.value.real());
    if (last - first > kMaxTerms) return Invalid();
    const bool sum = call.name == "sum";
    SampledValue total = Exactly(sum ? 0 : 1);
    for (auto k = first; k <= last; ++k) {
      point_.bound.emplace_back(call.parts[0]->name, static_cast<long double>(k));
      const SampledValue term = Run(*call.parts[3]);
      point_.bound.pop_back();
      total = sum ? Plus(total, term) : Times(total, term);
      if (!total.valid) break;
    }
    return total;
  }

  Point& point_;
  int steps_ = 0;
};

void AddVariables(const Expr& expr, std::set<std::string>& names) {
  if (IsVariable(expr)) names.insert(expr.name);
  for (const ExprPtr& part : expr.parts) AddVariables(*part, names);
}

}  // namespace

SampledValue Evaluate(const Expr& expr, Point& point) { return Evaluator(point).Run(expr); }

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
  const SampledValue s = Evaluate(expr, point);
  if (!s.valid || !IsReal(s)) return {};
  return s.value.real();
}

}  // namespace gradus
