#include <algorithm>
#include <utility>

#include "verify/answers/compare.h"
#include "verify/answers/expression/exact.h"
#include "verify/answers/expression/shape.h"
#include "verify/answers/tokens/units.h"

namespace gradus {
namespace {

ExprPtr Quotient(const ExprPtr& a, const ExprPtr& b) {
  return MakeExpr(ExprKind::kMul, {a, MakeExpr(ExprKind::kPower, {b, MakeNumber(-1)})});
}

ExprPtr Scaled(const ExprPtr& expr, const ExprPtr& factor) {
  return MakeExpr(ExprKind::kMul, {expr, factor});
}

// A time of day. The meridiem is "am", "pm" or "".
struct Clock {
  std::vector<mpq_class> fields;
  std::string meridiem;
  bool sure = false;  // Written as only a time can be.
  bool WholeDay() const { return !meridiem.empty() || fields[0] > 12 || fields[0] == 0; }
  mpq_class Hour() const {
    if (meridiem.empty()) return fields[0];
    const mpq_class hour = fields[0] == 12 ? mpq_class(0) : fields[0];
    return meridiem == "pm" ? mpq_class(hour + 12) : hour;
  }
};

std::optional<Clock> ClockOf(const Expr& expr) {
  Clock clock;
  const bool alone = expr.kind == ExprKind::kUnit;
  if (!alone && expr.kind != ExprKind::kRatio) return {};
  clock.sure = expr.name == "time";
  for (const ExprPtr& part :
       alone ? std::vector<ExprPtr>{MakeExpr(expr.kind, expr.parts, expr.name)} : expr.parts) {
    const bool marked = part->kind == ExprKind::kUnit && (part->name == "am" || part->name == "pm");
    if (marked) clock.meridiem = part->name;
    const auto value = ExactValue(marked ? *part->parts[0] : *part);
    if (!value || value->get_den() != 1 || *value < 0 || *value > 59) return {};
    clock.fields.push_back(*value);
  }
  if (alone && clock.meridiem.empty()) return {};
  if (clock.fields.size() == 1) clock.fields.emplace_back(0);
  clock.sure = clock.sure || !clock.meridiem.empty();
  return clock;
}

Comparison CompareClocks(const Clock& gold, const Clock& predicted) {
  const bool rest = std::equal(gold.fields.begin() + 1, gold.fields.end(),
                               predicted.fields.begin() + 1, predicted.fields.end());
  if (!rest) return Decided(Verdict::kWrong, "time");
  if (gold.WholeDay() && predicted.WholeDay()) {
    return Decided(gold.Hour() == predicted.Hour() ? Verdict::kCorrect : Verdict::kWrong, "time");
  }
  if (gold.fields[0] == predicted.fields[0]) return Decided(Verdict::kCorrect, "time");
  const mpq_class apart = abs(gold.Hour() - predicted.Hour());
  return Decided(apart == 12 ? Verdict::kUnverifiable : Verdict::kWrong, "time");
}

// a : b : c against a' : b' : c', up to scale.
Comparison CompareRatios(const Expr& gold, const Expr& predicted, const Tolerance& tolerance) {
  if (gold.parts.size() != predicted.parts.size()) {
    return Decided(Verdict::kWrong, "ratio-length");
  }
  Comparison result = Decided(Verdict::kCorrect, "ratio");
  for (std::size_t i = 1; i < gold.parts.size(); ++i) {
    const Comparison part =
        CompareBodies(Quotient(gold.parts[i], gold.parts[0]),
                      Quotient(predicted.parts[i], predicted.parts[0]), tolerance);
    if (part.judgement.verdict == Verdict::kWrong) return part;
    if (part.judgement.verdict == Verdict::kUnverifiable) result = part;
  }
  return result;
}

// Digits in a base. A gold in a base is asked for in that base: the digits alone are enough.
Comparison CompareBased(const Expr& gold, const Expr& predicted) {
  const auto digits = [](const Expr& e) {
    if (e.kind == ExprKind::kBased) return e.name;
    // "1A" reads as a product.
    std::string text;
    for (const ExprPtr& part : e.parts) text += CanonicalText(*part);
    return e.kind == ExprKind::kMul ? text : CanonicalText(e);
  };
  const bool both = gold.kind == predicted.kind;
  const auto a = ExactValue(gold), b = ExactValue(predicted);
  const bool same_digits =
      !both && gold.kind == ExprKind::kBased && digits(gold) == digits(predicted);
  if (same_digits) return Decided(Verdict::kCorrect, "base");
  if (!a || !b) return Decided(Verdict::kUnverifiable, "base");
  const bool same_value = *a == *b && (both || predicted.kind == ExprKind::kBased);
  return Decided(same_value ? Verdict::kCorrect : Verdict::kWrong, "base");
}

bool IsResidue(const Expr& expr) { return expr.kind == ExprKind::kCall && expr.name == "mod"; }

// Two classes of residues: the modulus counts too.
Comparison CompareResidues(const Expr& gold, const Expr& predicted, const Tolerance& tolerance) {
  const Comparison modulus = CompareBodies(gold.parts[1], predicted.parts[1], tolerance);
  if (modulus.judgement.verdict != Verdict::kCorrect) return modulus;
  const auto a = ExactValue(gold), b = ExactValue(predicted);
  if (!a || !b) return CompareBodies(gold.parts[0], predicted.parts[0], tolerance);
  return Decided(*a == *b ? Verdict::kCorrect : Verdict::kWrong, "residue");
}

Comparison Better(const Comparison& first, const Comparison& second) {
  const auto rank = [](const Comparison& c) {
    return c.judgement.verdict == Verdict::kCorrect
               ? 2
               : (c.judgement.verdict == Verdict::kUnverifiable ? 1 : 0);
  };
  return rank(second) > rank(first) ? second : first;
}

// The unit that a factor names, "second^-1"; "" when it is none.
std::string UnitOfFactor(const Expr& factor) {
  if (factor.kind == ExprKind::kSymbol) return UnitName(factor.name);
  const bool power = factor.kind == ExprKind::kPower &&
                     factor.parts[0]->kind == ExprKind::kSymbol &&
                     factor.parts[1]->kind == ExprKind::kNumber &&
                     factor.parts[1]->value.get_den() == 1 && abs(factor.parts[1]->value) < 10;
  const std::string unit = power ? UnitName(factor.parts[0]->name) : "";
  return unit.empty() ? "" : unit + "^" + factor.parts[1]->value.get_str();
}

// "5 m" may be a product or a length: a length when the other side has a unit or is a number.
Quantity AsMeasured(const Quantity& quantity, const Quantity& other) {
  const Expr& body = *quantity.body;
  if (!quantity.unit.empty() || body.kind != ExprKind::kMul || HasVariables(*other.body)) {
    return quantity;
  }
  std::vector<ExprPtr> numbers;
  std::string unit;
  for (const ExprPtr& factor : body.parts) {
    if (!HasVariables(*factor)) {
      numbers.push_back(factor);
      continue;
    }
    const std::string name = UnitOfFactor(*factor);
    if (name.empty()) return quantity;
    unit += (unit.empty() ? "" : ".") + name;
  }
  if (numbers.empty()) return quantity;
  return {numbers.size() == 1 ? numbers[0] : MakeExpr(ExprKind::kMul, numbers), quantity.percent,
          unit};
}

// Degrees may be given in radians, with their unit or without.
bool IsAngle(const Quantity& a, const Quantity& b) {
  return (a.unit == "degree") != (b.unit == "degree") &&
         (a.unit.empty() || b.unit.empty() || a.unit == "radian" || b.unit == "radian");
}

Comparison CompareAngles(const Quantity& a, const Quantity& b, const Tolerance& tolerance) {
  const ExprPtr degree = Quotient(MakeSymbol("pi"), MakeNumber(180));
  return CompareBodies(a.unit == "degree" ? Scaled(a.body, degree) : a.body,
                       b.unit == "degree" ? Scaled(b.body, degree) : b.body, tolerance);
}

Comparison CompareMeasured(const Quantity& gold, const Quantity& predicted,
                           const Tolerance& tolerance) {
  const auto conversion = ConversionOf(predicted.unit, gold.unit);
  if (!conversion) return Decided(Verdict::kUnverifiable, "different-units");
  const ExprPtr scaled = Scaled(predicted.body, MakeNumber(conversion->scale));
  const ExprPtr converted =
      conversion->offset == 0 ? scaled
                              : MakeExpr(ExprKind::kAdd, {scaled, MakeNumber(conversion->offset)});
  return CompareBodies(gold.body, converted, tolerance);
}

// Values of one kind, with percent signs and degrees on either side.
Comparison CompareAmounts(const Quantity& a, const Quantity& b, const Tolerance& tolerance) {
  Comparison result = IsAngle(a, b) && !a.unit.empty() && !b.unit.empty()
                          ? Decided(Verdict::kWrong, "angle")
                          : CompareBodies(a.body, b.body, tolerance);
  // "N%" equals N and N/100; numbers without the sign never differ by a factor of 100.
  if (a.percent != b.percent) {
    const ExprPtr hundredth = MakeNumber(mpq_class(1, 100));
    result =
        Better(result, CompareBodies(a.percent ? Scaled(a.body, hundredth) : a.body,
                                     b.percent ? Scaled(b.body, hundredth) : b.body, tolerance));
  }
  if (IsAngle(a, b)) return Better(result, CompareAngles(a, b, tolerance));
  return result;
}

}  // namespace

Comparison CompareScalars(const ExprPtr& gold, const ExprPtr& predicted,
                          const Tolerance& tolerance) {
  const auto time = ClockOf(*gold), other_time = ClockOf(*predicted);
  if (time && other_time && (time->sure || other_time->sure)) {
    return CompareClocks(*time, *other_time);
  }
  // A time of day is no number.
  const bool one_time = (time && time->sure) || (other_time && other_time->sure);
  if (one_time) return Decided(Verdict::kUnverifiable, "time");
  Quantity a = QuantityOf(gold), b = QuantityOf(predicted);
  if (a.body->kind == ExprKind::kBased || b.body->kind == ExprKind::kBased) {
    return CompareBased(*a.body, *b.body);
  }
  if (!b.unit.empty()) a = AsMeasured(a, b);
  b = AsMeasured(b, a);
  if (a.body->kind == ExprKind::kRatio && b.body->kind == ExprKind::kRatio) {
    return CompareRatios(*a.body, *b.body, tolerance);
  }
  if (IsResidue(*a.body) && IsResidue(*b.body)) {
    return CompareResidues(*a.body, *b.body, tolerance);
  }
  if (!a.unit.empty() && !b.unit.empty() && a.unit != b.unit && !IsAngle(a, b)) {
    return CompareMeasured(a, b, tolerance);
  }
  // Neither is money a share, nor "5:1" the number 5 for sure.
  const bool share = a.percent != b.percent && !(a.unit.empty() && b.unit.empty());
  const bool ratio = (a.body->kind == ExprKind::kRatio && b.body->kind == ExprKind::kNumber) ||
                     (b.body->kind == ExprKind::kRatio && a.body->kind == ExprKind::kNumber);
  if (share || ratio) return Decided(Verdict::kUnverifiable, "different-kind");
  return CompareAmounts(a, b, tolerance);
}

}  // namespace gradus
