#include "verify/answers/expression/exact.h"

#include <algorithm>
#include <cstdlib>

namespace gradus {
namespace {

using Rational = std::optional<mpq_class>;

constexpr std::size_t kMaxBits = 20000;
constexpr long kMaxFactorial = 2000;

std::size_t Bits(const mpq_class& value) {
  return std::max(mpz_sizeinbase(value.get_num_mpz_t(), 2),
                  mpz_sizeinbase(value.get_den_mpz_t(), 2));
}

std::optional<long> SmallInteger(const mpq_class& value) {
  if (value.get_den() != 1 || !value.get_num().fits_slong_p()) return {};
  return value.get_num().get_si();
}

Rational IntegerPower(const mpq_class& base, long exponent) {
  const auto n = static_cast<unsigned long>(std::labs(exponent));
  if (base == 0 && exponent <= 0) return {};
  if (base == 0) return mpq_class(0);
  if (base == 1 || (base == -1 && n % 2 == 0)) return mpq_class(1);
  if (base == -1) return mpq_class(-1);
  if (n > kMaxBits || Bits(base) * n > kMaxBits) return {};
  mpz_class top, bottom;
  mpz_pow_ui(top.get_mpz_t(), base.get_num_mpz_t(), n);
  mpz_pow_ui(bottom.get_mpz_t(), base.get_den_mpz_t(), n);
  mpq_class result = exponent >= 0 ? mpq_class(top, bottom) : mpq_class(bottom, top);
  result.canonicalize();
  return result;
}

// The principal real root when it is rational; the odd root of a negative number only on request.
enum class NegativeBase { kNone, kOddRoot };
Rational PerfectRoot(const mpq_class& base, long degree, NegativeBase rule) {
  if (degree < 1 || degree > 64) return {};
  if (base < 0 && (degree % 2 == 0 || (degree > 1 && rule == NegativeBase::kNone))) return {};
  const auto n = static_cast<unsigned long>(degree);
  mpz_class top, bottom;
  if (!mpz_root(top.get_mpz_t(), base.get_num_mpz_t(), n)) return {};
  if (!mpz_root(bottom.get_mpz_t(), base.get_den_mpz_t(), n)) return {};
  mpq_class root(top, bottom);
  root.canonicalize();
  return root;
}

Rational Power(const mpq_class& base, const mpq_class& exponent) {
  if (!exponent.get_num().fits_slong_p() || !exponent.get_den().fits_slong_p()) {
    return base == 1 ? Rational(mpq_class(1)) : Rational();
  }
  const Rational root = PerfectRoot(base, exponent.get_den().get_si(), NegativeBase::kNone);
  if (!root) return {};
  return IntegerPower(*root, exponent.get_num().get_si());
}

Rational CallValue(const Expr& call) {
  const Rational x = ExactValue(*call.parts[0]);
  if (!x) return {};
  if (call.name == "abs") return mpq_class(abs(*x));
  if (call.name == "floor" || call.name == "ceil") {
    mpz_class result;
    (call.name == "floor" ? mpz_fdiv_q : mpz_cdiv_q)(result.get_mpz_t(), x->get_num_mpz_t(),
                                                     x->get_den_mpz_t());
    return mpq_class(result);
  }
  const std::optional<long> n = SmallInteger(*x);
  if (call.name == "factorial") {
    if (!n || *n < 0 || *n > kMaxFactorial) return {};
    mpz_class result;
    mpz_fac_ui(result.get_mpz_t(), static_cast<unsigned long>(*n));
    return mpq_class(result);
  }
  if (call.parts.size() != 2) return {};
  const Rational y = ExactValue(*call.parts[1]);
  if (call.name == "mod" && y && *y > 0 && y->get_den() == 1 && x->get_den() == 1) {
    mpz_class result;
    mpz_fdiv_r(result.get_mpz_t(), x->get_num_mpz_t(), y->get_num_mpz_t());
    return mpq_class(result);
  }
  const std::optional<long> k = y ? SmallInteger(*y) : std::nullopt;
  if (!k) return {};
  if (call.name == "root") return PerfectRoot(*x, *k, NegativeBase::kOddRoot);
  if (call.name == "binomial" && n && *n >= 0 && *n <= kMaxFactorial && *k >= 0 && *k <= *n) {
    mpz_class result;
    mpz_bin_uiui(result.get_mpz_t(), static_cast<unsigned long>(*n),
                 static_cast<unsigned long>(*k));
    return mpq_class(result);
  }
  return {};
}

}  // namespace

std::optional<mpq_class> ExactValue(const Expr& expr) {
  switch (expr.kind) {
    case ExprKind::kNumber:
    case ExprKind::kBased:
      return expr.value;
    case ExprKind::kAdd:
    case ExprKind::kMul: {
      const bool sum = expr.kind == ExprKind::kAdd;
      mpq_class total = sum ? 0 : 1;
      for (const ExprPtr& part : expr.parts) {
        const Rational value = ExactValue(*part);
        if (!value) return {};
        total = sum ? mpq_class(total + *value) : mpq_class(total * *value);
        if (Bits(total) > kMaxBits) return {};
      }
      return total;
    }
    case ExprKind::kPower: {
      const Rational exponent = ExactValue(*expr.parts[1]);
      const Rational base = exponent ? ExactValue(*expr.parts[0]) : Rational();
      return base ? Power(*base, *exponent) : Rational();
    }
    case ExprKind::kPercent: {
      const Rational value = ExactValue(*expr.parts[0]);
      return value ? Rational(*value / 100) : Rational();
    }
    case ExprKind::kCall:
      return CallValue(expr);
    default:
      return {};
  }
}

std::optional<ShownDigits> DigitsShown(const Expr& expr) {
  if (expr.kind == ExprKind::kNumber) {
    if (expr.decimals < 0) return {};
    const auto unit = IntegerPower(10, -expr.decimals);
    return unit ? std::optional(ShownDigits{expr.digits, *unit}) : std::nullopt;
  }
  if (expr.kind != ExprKind::kMul || expr.parts.size() != 2) return {};
  // -1 * x and x * 10^n.
  for (int i = 0; i < 2; ++i) {
    const Expr &literal = *expr.parts[i], &factor = *expr.parts[1 - i];
    const bool ten = factor.kind == ExprKind::kPower && factor.parts[0]->value == 10;
    const bool sign = factor.kind == ExprKind::kNumber &&
                      (factor.value == -1 || factor.value * 100 == 1);  // Or a percent sign.
    const auto shown = ten || sign ? DigitsShown(literal) : std::nullopt;
    const auto scale = shown ? ExactValue(factor) : std::nullopt;
    if (scale) return ShownDigits{shown->significant, abs(*scale) * shown->unit};
  }
  return {};
}

}  // namespace gradus
