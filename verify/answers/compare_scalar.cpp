#include <algorithm>
#include <cmath>

#include "verify/answers/compare.h"
#include "verify/answers/expression/exact.h"
#include "verify/answers/expression/sampled_value.h"
#include "verify/answers/expression/screen.h"
#include "verify/answers/expression/shape.h"
#include "verify/answers/expression/spelling.h"

namespace gradus {
namespace {

constexpr int kDoubleDigits = 15;  // From here on a decimal is the print of a binary float.
constexpr int kTrustedDigits = 4;  // So many digits make a decimal stand for an exact value.

struct Number {
  mpq_class value;
  bool exact = false;
  std::optional<ShownDigits> shown;
};

// The value of a long double as the sum of two doubles.
mpq_class RationalOf(long double x) {
  const auto high = static_cast<double>(x);
  return mpq_class(high) + mpq_class(static_cast<double>(x - high));
}

std::optional<Number> NumberOf(const Expr& expr) {
  Number number;
  number.shown = DigitsShown(expr);
  if (const auto exact = ExactValue(expr)) {
    number.value = *exact;
    number.exact = true;
    return number;
  }
  const auto real = RealConstant(expr);
  if (!real || !std::isfinite(*real) || std::abs(*real) > 1e300L) return {};
  number.value = RationalOf(*real);
  return number;
}

bool WithinTolerance(const mpq_class& difference, const Tolerance& tolerance) {
  if (tolerance.round_digits && *tolerance.round_digits >= 0 && *tolerance.round_digits < 100) {
    mpq_class unit = 1;
    for (int i = 0; i < *tolerance.round_digits; ++i) unit /= 10;
    if (difference * 2 <= unit) return true;
  }
  return std::any_of(tolerance.absolute.begin(), tolerance.absolute.end(), [&](double bound) {
    // A bound of 0.001 is meant in decimal; a ten-digit slack makes up for its binary form.
    return std::isfinite(bound) &&
           difference <= mpq_class(bound) * mpq_class("10000000001/10000000000");
  });
}

// Whether `value` shows as `shown` in so many digits, by rounding or by cutting off.
bool ShowsAs(const mpq_class& value, const mpq_class& shown, const mpq_class& unit) {
  const mpq_class difference = abs(value - shown);
  const bool cut = abs(shown) < abs(value) && sgn(shown) == sgn(value) && difference < unit;
  return difference * 2 <= unit || cut;
}

Comparison Digits(bool same, int significant, const char* reason) {
  if (!same) return Decided(Verdict::kWrong, reason);
  if (significant >= kTrustedDigits) return Decided(Verdict::kCorrect, reason);
  if (significant >= 2) return Decided(Verdict::kUnverifiable, "few-digits");
  return Decided(Verdict::kWrong, reason);
}

bool SameButFloatRounding(const Number& gold, const Number& predicted) {
  static const mpq_class kRelative("1/1000000000000");
  const auto is_float = [](const Number& n) {
    return n.shown && n.shown->significant >= kDoubleDigits;
  };
  return (is_float(gold) || is_float(predicted)) &&
         abs(gold.value - predicted.value) <= abs(gold.value) * kRelative;
}

// Two known values of which at least one is exact or a decimal. The gold sets the rule: a decimal
// gold is known to its last digit; an exact gold is met by a decimal that shows it in at least four
// digits; integers are met exactly.
Comparison CompareNumbers(const Number& gold, const Number& predicted, const Tolerance& tolerance) {
  const mpq_class difference = abs(gold.value - predicted.value);
  if (difference == 0 && gold.exact && predicted.exact) {
    return Decided(Verdict::kCorrect, "exact-rational");
  }
  // sin(30 degrees) is known to the last bit of our type only.
  static const mpq_class kLastBits("1/10000000000000000");
  if (!(gold.exact && predicted.exact) && difference <= abs(gold.value) * kLastBits) {
    return Decided(Verdict::kCorrect, "numeric");
  }
  if (WithinTolerance(difference, tolerance)) return Decided(Verdict::kCorrect, "tolerance");
  if (SameButFloatRounding(gold, predicted)) return Decided(Verdict::kCorrect, "float-rounding");
  if (gold.shown) {
    const bool coarser = predicted.shown && predicted.shown->unit > gold.shown->unit;
    if (coarser) {
      const bool same = ShowsAs(gold.value, predicted.value, predicted.shown->unit);
      if (!same || predicted.shown->significant < 2) {
        return Decided(Verdict::kWrong, "exact-rational");
      }
      return Decided(Verdict::kUnverifiable, "fewer-digits-than-gold");
    }
    return Digits(difference * 2 <= gold.shown->unit, gold.shown->significant, "gold-digits");
  }
  const bool integer = gold.exact && gold.value.get_den() == 1;
  if (predicted.shown && !integer) {
    return Digits(ShowsAs(gold.value, predicted.value, predicted.shown->unit),
                  predicted.shown->significant, "shown-digits");
  }
  return Decided(Verdict::kWrong, "exact-rational");
}

bool HasText(const Expr& expr) {
  return AnyPart(expr, [](const Expr& e) { return e.kind == ExprKind::kText; });
}

Comparison CompareBodies(const ExprPtr& gold, const ExprPtr& predicted,
                         const Tolerance& tolerance) {
  const bool constants = !HasVariables(*gold) && !HasVariables(*predicted);
  if (constants) {
    const auto a = NumberOf(*gold), b = NumberOf(*predicted);
    const bool judged = a && b &&
                        ((a->exact && b->exact) || a->shown || b->shown || tolerance.round_digits ||
                         !tolerance.absolute.empty());
    if (judged) {
      const Comparison result = CompareNumbers(*a, *b, tolerance);
      if (result.judgement.verdict != Verdict::kWrong || (a->exact && b->exact) || a->shown ||
          b->shown) {
        return result;
      }
    }
  }
  if (CanonicalText(*gold) == CanonicalText(*predicted)) {
    return Decided(Verdict::kCorrect, "same-form");
  }
  if (HasText(*gold) || HasText(*predicted)) return Decided(Verdict::kUnverifiable, "words");
  switch (ScreenValues(*gold, *predicted)) {
    case Screened::kAgree:
      return Decided(Verdict::kCorrect, "screen-agrees");
    case Screened::kDiffer:
      return Decided(Verdict::kWrong, "screen-differs");
    default:
      return {{Verdict::kUnverifiable, "needs-algebra"}, {{gold, predicted}}};
  }
}

ExprPtr Quotient(const ExprPtr& a, const ExprPtr& b) {
  return MakeExpr(ExprKind::kMul, {a, MakeExpr(ExprKind::kPower, {b, MakeNumber(-1)})});
}

// a : b : c against a' : b' : c', up to scale; clock times field by field.
Comparison CompareRatios(const Expr& gold, const Expr& predicted, const Tolerance& tolerance) {
  if (gold.parts.size() != predicted.parts.size()) {
    return Decided(Verdict::kWrong, "ratio-length");
  }
  const bool time = gold.name == "time" || predicted.name == "time";
  Comparison result = Decided(Verdict::kCorrect, time ? "time" : "ratio");
  for (std::size_t i = time ? 0 : 1; i < gold.parts.size(); ++i) {
    const Comparison part =
        time ? CompareScalars(gold.parts[i], predicted.parts[i], tolerance)
             : CompareBodies(Quotient(gold.parts[i], gold.parts[0]),
                             Quotient(predicted.parts[i], predicted.parts[0]), tolerance);
    if (part.judgement.verdict == Verdict::kWrong) return part;
    if (part.judgement.verdict == Verdict::kUnverifiable) result = part;
  }
  return result;
}

// Digits in a base. A gold in a base is asked for in that base: the digits alone are enough.
Comparison CompareBased(const Expr& gold, const Expr& predicted) {
  const auto digits = [](const Expr& e) {
    return e.kind == ExprKind::kBased ? e.name : CanonicalText(e);
  };
  const bool both = gold.kind == predicted.kind;
  const auto a = ExactValue(gold), b = ExactValue(predicted);
  if (!a || !b) return Decided(Verdict::kUnverifiable, "base");
  const bool same_value = *a == *b && (both || predicted.kind == ExprKind::kBased);
  const bool same_digits = !both && digits(gold) == digits(predicted);
  return Decided(same_value || same_digits ? Verdict::kCorrect : Verdict::kWrong, "base");
}

Comparison Better(const Comparison& first, const Comparison& second) {
  const auto rank = [](const Comparison& c) {
    return c.judgement.verdict == Verdict::kCorrect
               ? 2
               : (c.judgement.verdict == Verdict::kUnverifiable ? 1 : 0);
  };
  return rank(second) > rank(first) ? second : first;
}

// "5 m" may be a product or a length: it is a length when the other side has that unit.
Quantity WithUnitOf(const Quantity& quantity, const std::string& unit) {
  const Expr& body = *quantity.body;
  if (!quantity.unit.empty() || unit.empty() || body.kind != ExprKind::kMul) return quantity;
  const Expr& last = *body.parts.back();
  if (last.kind != ExprKind::kSymbol || (UnitName(last.name) != unit && last.name != unit)) {
    return quantity;
  }
  std::vector<ExprPtr> rest(body.parts.begin(), body.parts.end() - 1);
  return {rest.size() == 1 ? rest[0] : MakeExpr(ExprKind::kMul, rest), quantity.percent, unit};
}

ExprPtr Scaled(const ExprPtr& expr, const ExprPtr& factor) {
  return MakeExpr(ExprKind::kMul, {expr, factor});
}

}  // namespace

Comparison CompareScalars(const ExprPtr& gold, const ExprPtr& predicted,
                          const Tolerance& tolerance) {
  Quantity a = QuantityOf(gold), b = QuantityOf(predicted);
  a = WithUnitOf(a, b.unit);
  b = WithUnitOf(b, a.unit);
  if (a.body->kind == ExprKind::kRatio && b.body->kind == ExprKind::kRatio) {
    return CompareRatios(*a.body, *b.body, tolerance);
  }
  if (a.body->kind == ExprKind::kBased || b.body->kind == ExprKind::kBased) {
    return CompareBased(*a.body, *b.body);
  }
  Comparison result = CompareBodies(a.body, b.body, tolerance);
  // "N%" equals N and N/100; numbers without the sign never differ by a factor of 100.
  if (a.percent != b.percent) {
    const ExprPtr hundredth = MakeNumber(mpq_class(1, 100));
    result =
        Better(result, CompareBodies(a.percent ? Scaled(a.body, hundredth) : a.body,
                                     b.percent ? Scaled(b.body, hundredth) : b.body, tolerance));
  }
  // Degrees may be given in radians.
  if ((a.unit == "degree") != (b.unit == "degree") &&
      (a.unit.empty() || b.unit.empty() || a.unit == "radian" || b.unit == "radian")) {
    const ExprPtr degree = Quotient(MakeSymbol("pi"), MakeNumber(180));
    return Better(result,
                  CompareBodies(a.unit == "degree" ? Scaled(a.body, degree) : a.body,
                                b.unit == "degree" ? Scaled(b.body, degree) : b.body, tolerance));
  }
  // 5 m against 500 cm: deciding would need a table of units.
  if (!a.unit.empty() && !b.unit.empty() && a.unit != b.unit) {
    return Decided(Verdict::kUnverifiable, "different-units");
  }
  return result;
}

}  // namespace gradus
