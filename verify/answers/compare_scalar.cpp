#include <algorithm>

#include "verify/answers/compare.h"
#include "verify/answers/expression/exact.h"
#include "verify/answers/expression/sampled_value.h"
#include "verify/answers/expression/screen.h"
#include "verify/answers/expression/shape.h"

namespace gradus {
namespace {

constexpr int kDoubleDigits = 15;      // From here on a decimal is the print of a binary float.
constexpr int kTrustedDigits = 4;      // So many digits make a decimal stand for an exact value.
constexpr int kTrustedGoldDigits = 3;  // So many make a gold be met by a longer decimal.

struct Number {
  mpq_class value;
  bool exact = false;
  std::optional<ShownDigits> shown;
};

std::optional<Number> NumberOf(const Expr& expr, Work& work) {
  Number number;
  number.shown = DigitsShown(expr);
  if (const auto exact = ExactValue(expr)) {
    number.value = *exact;
    number.exact = true;
    return number;
  }
  const auto near = NearRational(expr, work);
  if (!near) return {};
  number.value = *near;
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

Comparison Digits(bool same, int significant, int trusted, const char* reason) {
  if (!same) return Decided(Verdict::kWrong, reason);
  if (significant >= trusted) return Decided(Verdict::kCorrect, reason);
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
  // sin(30 degrees) is known to 60 digits.
  static const mpq_class kLastBits = mpq_class(1) / (mpz_class(1) << 199);
  if (!(gold.exact && predicted.exact) && difference <= abs(gold.value) * kLastBits) {
    return Decided(Verdict::kCorrect, "numeric");
  }
  if (WithinTolerance(difference, tolerance)) return Decided(Verdict::kCorrect, "tolerance");
  const bool integer = gold.exact && gold.value.get_den() == 1;
  if (SameButFloatRounding(gold, predicted)) {
    // A whole number is met by itself only.
    return Decided(integer ? Verdict::kUnverifiable : Verdict::kCorrect, "float-rounding");
  }
  if (gold.shown) {
    const bool coarser = predicted.shown && predicted.shown->unit > gold.shown->unit;
    if (coarser) {
      const bool same = ShowsAs(gold.value, predicted.value, predicted.shown->unit);
      if (!same || predicted.shown->significant < 2) {
        return Decided(Verdict::kWrong, "exact-rational");
      }
      return Decided(Verdict::kUnverifiable, "fewer-digits-than-gold");
    }
    return Digits(difference * 2 <= gold.shown->unit, gold.shown->significant,
                  predicted.shown ? kTrustedGoldDigits : kTrustedDigits, "gold-digits");
  }
  if (predicted.shown && !integer) {
    return Digits(ShowsAs(gold.value, predicted.value, predicted.shown->unit),
                  predicted.shown->significant, kTrustedDigits, "shown-digits");
  }
  return Decided(Verdict::kWrong, "exact-rational");
}

bool HasText(const Expr& expr) {
  return AnyPart(expr, [](const Expr& e) { return e.kind == ExprKind::kText; });
}

Comparison CompareAsWritten(const ExprPtr& gold, const ExprPtr& predicted,
                            const Tolerance& tolerance) {
  const bool constants = !HasVariables(*gold) && !HasVariables(*predicted);
  if (constants) {
    const auto a = NumberOf(*gold, *tolerance.work), b = NumberOf(*predicted, *tolerance.work);
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
  switch (ScreenValues(*gold, *predicted, *tolerance.work)) {
    case Screened::kAgree:
      return Decided(Verdict::kCorrect, "screen-agrees");
    case Screened::kDiffer:
      return Decided(Verdict::kWrong, "screen-differs");
    case Screened::kPartly:
      return Decided(Verdict::kUnverifiable, "domains-differ");
    default:
      return {{Verdict::kUnverifiable, "needs-algebra"}, {{gold, predicted}}};
  }
}

}  // namespace

Comparison CompareBodies(const ExprPtr& gold, const ExprPtr& predicted,
                         const Tolerance& tolerance) {
  const Comparison natural = CompareAsWritten(gold, predicted, tolerance);
  if (natural.judgement.verdict == Verdict::kCorrect) return natural;
  // \log may be meant to base ten, on both sides alike.
  const ExprPtr a = WithCommonLogs(gold), b = WithCommonLogs(predicted);
  if (a == gold && b == predicted) return natural;
  const Comparison common = CompareAsWritten(a, b, tolerance);
  if (common.judgement.verdict == Verdict::kCorrect) return common;
  return Decided(Verdict::kUnverifiable, "which-logarithm");
}

}  // namespace gradus
