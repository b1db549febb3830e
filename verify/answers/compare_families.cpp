#include <cmath>

#include "verify/answers/compare.h"
#include "verify/answers/expression/sampled_value.h"
#include "verify/answers/expression/shape.h"

namespace gradus {
namespace {

bool Same(const ExprPtr& a, const ExprPtr& b, const Tolerance& tolerance) {
  return CompareBodies(a, b, tolerance).judgement.verdict == Verdict::kCorrect;
}

ExprPtr Minus(const ExprPtr& a, const ExprPtr& b) {
  return MakeExpr(ExprKind::kAdd, {a, Negated(b)});
}

// first + k * step for all whole k.
struct Progression {
  ExprPtr first, step;
};

std::optional<Progression> ProgressionOf(const Family& family, const Tolerance& tolerance) {
  const auto at = [&](int k) { return Substituted(family.value, family.parameter, MakeNumber(k)); };
  if (!IsScalar(*family.value) || HasVariables(*at(0))) return {};
  const ExprPtr step = Minus(at(1), at(0));
  if (!Same(step, Minus(at(2), at(1)), tolerance) || !Same(step, Minus(at(5), at(4)), tolerance))
    return {};
  return Progression{at(0), step};
}

// A sum that a name of one letter stands in alone.
bool HasTerm(const Expr& expr, std::string_view name) {
  if (expr.kind == ExprKind::kRelation) return HasTerm(*expr.parts.back(), name);
  if (expr.kind != ExprKind::kAdd) return false;
  for (const ExprPtr& part : expr.parts) {
    if (part->kind == ExprKind::kSymbol && part->name == name) return true;
  }
  return false;
}

bool Mentions(const Expr& expr, std::string_view name) {
  return AnyPart(expr,
                 [&](const Expr& e) { return e.kind == ExprKind::kSymbol && e.name == name; });
}

}  // namespace

Comparison CompareFamilies(const Family& gold, const Family& predicted, const Tolerance& slack) {
  const Tolerance tolerance = WithoutSlack(slack);
  const auto a = ProgressionOf(gold, tolerance), b = ProgressionOf(predicted, tolerance);
  if (!a || !b) return Decided(Verdict::kUnverifiable, "family");
  if (!Same(a->step, b->step, tolerance) && !Same(a->step, Negated(b->step), tolerance)) {
    return Decided(Verdict::kUnverifiable, "family");
  }
  const auto apart = RealConstant(*Minus(b->first, a->first)), step = RealConstant(*a->step);
  if (!apart || !step || *step == 0 || std::abs(*apart / *step) > 1e6L) {
    return Decided(Verdict::kUnverifiable, "family");
  }
  const auto steps = std::llround(*apart / *step);
  const ExprPtr moved = MakeExpr(
      ExprKind::kAdd,
      {a->first, MakeExpr(ExprKind::kMul, {MakeNumber(static_cast<long>(steps)), a->step})});
  return Decided(Same(moved, b->first, tolerance) ? Verdict::kCorrect : Verdict::kWrong, "family");
}

ExprPtr WithConstantOf(const Expr& gold, const ExprPtr& predicted) {
  for (const auto& [ours, theirs] :
       {std::pair{"C", "c"}, std::pair{"c", "C"}, std::pair{"C", "K"}, std::pair{"C", "k"}}) {
    const bool constant = HasTerm(gold, ours) && HasTerm(*predicted, theirs) &&
                          !Mentions(gold, theirs) && !Mentions(*predicted, ours);
    if (constant) return Substituted(predicted, theirs, MakeSymbol(ours));
  }
  return predicted;
}

}  // namespace gradus
