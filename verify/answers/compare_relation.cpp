#include <set>
#include <string>

#include "verify/answers/compare.h"
#include "verify/answers/compare_parts.h"
#include "verify/answers/expression/screen.h"
#include "verify/answers/expression/shape.h"

namespace gradus {
namespace {

std::set<std::string> VariablesOf(const Expr& expr) {
  std::set<std::string> names;
  AnyPart(expr, [&](const Expr& e) {
    if (IsVariable(e)) names.insert(e.name);
    return false;
  });
  return names;
}

// Two equations or inequalities that give no variable a value.
Comparison CompareRelations(const Expr& gold, const Expr& predicted, Work& work) {
  const auto a = SimpleRelations(gold), b = SimpleRelations(predicted);
  const auto same = [&](const ExprPtr& x, const ExprPtr& y) {
    if (CanonicalText(*x) == CanonicalText(*y)) return Decided(Verdict::kCorrect, "same-form");
    return FromScreen(ScreenRelations(*x, *y, work), "relation");
  };
  const Comparison matched = MatchUnordered(a, b, same);
  if (matched.judgement.verdict == Verdict::kCorrect) return matched;
  if (a.size() == 1 && b.size() == 1 && matched.judgement.verdict == Verdict::kWrong) {
    return matched;
  }
  if (VariablesOf(gold) != VariablesOf(predicted)) {
    return Decided(Verdict::kUnverifiable, "different-variables");
  }
  return FromScreen(ScreenSets(gold, predicted, work), "solutions");
}

// f(t) = t^2 as f(x) = x^2: the names of parameters are free.
ExprPtr WithParametersOf(const Expr& gold, const ExprPtr& predicted) {
  const bool definitions = gold.kind == ExprKind::kRelation &&
                           predicted->kind == ExprKind::kRelation && gold.name == "=" &&
                           predicted->name == "=";
  if (!definitions) return predicted;
  const Expr &a = *gold.parts[0], &b = *predicted->parts[0];
  const bool same = a.kind == ExprKind::kCall && b.kind == ExprKind::kCall && a.name == b.name &&
                    a.parts.size() == b.parts.size();
  if (!same) return predicted;
  const bool index = a.name == "index";
  if (!index && !a.name.starts_with("f:")) return predicted;
  if (index && CanonicalText(*a.parts[0]) != CanonicalText(*b.parts[0])) return predicted;
  ExprPtr renamed = predicted;
  for (std::size_t i = index ? 1 : 0; i < a.parts.size(); ++i) {
    const Expr &to = *a.parts[i], &from = *b.parts[i];
    if (!IsVariable(to) || !IsVariable(from)) return predicted;
    if (to.name == from.name) continue;
    if (VariablesOf(*renamed).contains(to.name)) return predicted;
    renamed = Substituted(renamed, from.name, a.parts[i]);
  }
  return renamed;
}

// At least one side is a relation, before and after taking out assigned values.
Comparison CompareUnwrapped(const ExprPtr& gold, const ExprPtr& predicted,
                            const Tolerance& tolerance) {
  const NamedValue a = Unwrapped(gold), b = Unwrapped(predicted);
  const bool a_relation = a.value->kind == ExprKind::kRelation;
  const bool b_relation = b.value->kind == ExprKind::kRelation;
  if (!a_relation && !b_relation) {
    const Comparison values = CompareAnswers(a.value, b.value, tolerance);
    const bool names = !a.name.empty() && !b.name.empty() && a.name != b.name;
    if (!names) return values;
    if (ScreenRelations(*gold, *predicted, *tolerance.work) == Screened::kAgree) {
      return Decided(Verdict::kCorrect, "relation");
    }
    // y = 2x + 1 for f(x) = 2x + 1, but not x = 5 for y = 5.
    const bool function = HasVariables(*a.value) && (a.name.find(":f:") != std::string::npos ||
                                                     b.name.find(":f:") != std::string::npos);
    if (values.judgement.verdict != Verdict::kCorrect || function) return values;
    return Decided(Verdict::kUnverifiable, "different-variables");
  }
  const bool both = gold->kind == ExprKind::kRelation && predicted->kind == ExprKind::kRelation;
  if (a_relation) {
    if (const auto solved = CompareSolutions({a.value}, predicted, tolerance)) return *solved;
  }
  const bool set_for_relation = b.name != "" && (IsSetLike(*b.value) || IsCollection(*b.value));
  const bool relation_for_set = !a_relation && IsSetLike(*a.value);
  if (both && !(a_relation && set_for_relation) && !relation_for_set) {
    return CompareRelations(*gold, *predicted, *tolerance.work);
  }
  if (a_relation) {
    const bool set = IsSetLike(*b.value) || b.value->kind == ExprKind::kTuple ||
                     b.value->kind == ExprKind::kList;
    if (set) return FromScreen(ScreenSets(*a.value, *b.value, *tolerance.work), "set-of-relation");
    const bool equation = a.value->name == "=" && VariablesOf(*a.value).size() < 2;
    return Decided(equation ? Verdict::kUnverifiable : Verdict::kWrong, "value-for-relation");
  }
  if (IsSetLike(*a.value) || a.value->kind == ExprKind::kTuple) {
    const Comparison sets =
        FromScreen(ScreenSets(*a.value, *b.value, *tolerance.work), "relation-for-set");
    // A prediction that repeats the condition of the question has solved nothing.
    const bool excluded = b.value->name == "!";
    if (sets.judgement.verdict == Verdict::kCorrect && !tolerance.relation_for_set && !excluded) {
      return Decided(Verdict::kUnverifiable, "relation-for-set");
    }
    return sets;
  }
  return Decided(Verdict::kUnverifiable, "relation-for-value");
}

}  // namespace

Comparison FromScreen(Screened screened, const char* reason) {
  switch (screened) {
    case Screened::kAgree:
      return Decided(Verdict::kCorrect, reason);
    case Screened::kDiffer:
      return Decided(Verdict::kWrong, reason);
    default:
      return Decided(Verdict::kUnverifiable, reason);
  }
}

Comparison CompareWithRelation(const ExprPtr& gold, const ExprPtr& predicted,
                               const Tolerance& tolerance) {
  return CompareUnwrapped(gold, WithParametersOf(*gold, predicted), tolerance);
}

}  // namespace gradus
