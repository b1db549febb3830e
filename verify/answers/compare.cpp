#include "verify/answers/compare.h"

#include <algorithm>
#include <set>
#include <string>

#include "verify/answers/compare_parts.h"
#include "verify/answers/expression/screen.h"
#include "verify/answers/expression/shape.h"

namespace gradus {
namespace {

constexpr int kMaxShortWords = 3;

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

Comparison CompareTexts(const Expr& gold, const Expr& predicted) {
  if (gold.kind == predicted.kind && gold.name == predicted.name) {
    return Decided(Verdict::kCorrect, "same-text");
  }
  const std::string &a = gold.name, &b = predicted.name;
  if (gold.kind == predicted.kind && b.ends_with(" is " + a)) {
    return Decided(Verdict::kCorrect, "text-ends-with");
  }
  const auto is_short = [](const Expr& e) {
    return e.kind != ExprKind::kText ||
           std::count(e.name.begin(), e.name.end(), ' ') < kMaxShortWords;
  };
  // Whole sentences may say the same in other words.
  if (!is_short(gold) || !is_short(predicted)) return Decided(Verdict::kUnverifiable, "prose");
  // "infinitely many" and "infinitely many solutions".
  const bool inside = (" " + a + " ").find(" " + b + " ") != std::string::npos ||
                      (" " + b + " ").find(" " + a + " ") != std::string::npos;
  if (inside) return Decided(Verdict::kUnverifiable, "text-in-text");
  if (gold.kind == predicted.kind) return Decided(Verdict::kWrong, "text-differs");
  return Decided(Verdict::kUnverifiable, "text-for-value");
}

std::set<std::string> VariablesOf(const Expr& expr) {
  std::set<std::string> names;
  AnyPart(expr, [&](const Expr& e) {
    if (IsVariable(e)) names.insert(e.name);
    return false;
  });
  return names;
}

// Two equations or inequalities that give no variable a value.
Comparison CompareRelations(const Expr& gold, const Expr& predicted) {
  const auto a = SimpleRelations(gold), b = SimpleRelations(predicted);
  const auto same = [](const ExprPtr& x, const ExprPtr& y) {
    if (CanonicalText(*x) == CanonicalText(*y)) return Decided(Verdict::kCorrect, "same-form");
    return FromScreen(ScreenRelations(*x, *y), "relation");
  };
  const Comparison matched = MatchUnordered(a, b, same);
  if (matched.judgement.verdict == Verdict::kCorrect) return matched;
  if (a.size() == 1 && b.size() == 1 && matched.judgement.verdict == Verdict::kWrong) {
    return matched;
  }
  if (VariablesOf(gold) != VariablesOf(predicted)) {
    return Decided(Verdict::kUnverifiable, "different-variables");
  }
  return FromScreen(ScreenSets(gold, predicted), "solutions");
}

// At least one side is a relation, before and after taking out assigned values.
Comparison CompareWithRelation(const ExprPtr& gold, const ExprPtr& predicted,
                               const Tolerance& tolerance) {
  const NamedValue a = Unwrapped(gold), b = Unwrapped(predicted);
  const bool a_relation = a.value->kind == ExprKind::kRelation;
  const bool b_relation = b.value->kind == ExprKind::kRelation;
  if (!a_relation && !b_relation) {
    const Comparison values = CompareAnswers(a.value, b.value, tolerance);
    const bool names = !a.name.empty() && !b.name.empty() && a.name != b.name;
    if (!names) return values;
    if (ScreenRelations(*gold, *predicted) == Screened::kAgree) {
      return Decided(Verdict::kCorrect, "relation");
    }
    // y = 2x + 1 for f(x) = 2x + 1, but not x = 5 for y = 5.
    const bool function = HasVariables(*a.value) && (a.name.find(":f:") != std::string::npos ||
                                                     b.name.find(":f:") != std::string::npos);
    if (values.judgement.verdict != Verdict::kCorrect || function) return values;
    return Decided(Verdict::kUnverifiable, "different-variables");
  }
  const bool both = gold->kind == ExprKind::kRelation && predicted->kind == ExprKind::kRelation;
  const bool set_for_relation = b.name != "" && (IsSetLike(*b.value) || IsCollection(*b.value));
  const bool relation_for_set = !a_relation && IsSetLike(*a.value);
  if (both && !(a_relation && set_for_relation) && !relation_for_set) {
    return CompareRelations(*gold, *predicted);
  }
  if (a_relation) {
    const bool set = IsSetLike(*b.value) || b.value->kind == ExprKind::kTuple ||
                     b.value->kind == ExprKind::kList;
    if (set) return FromScreen(ScreenSets(*a.value, *b.value), "set-of-relation");
    const bool equation = a.value->name == "=" && VariablesOf(*a.value).size() < 2;
    return Decided(equation ? Verdict::kUnverifiable : Verdict::kWrong, "value-for-relation");
  }
  if (IsSetLike(*a.value) || a.value->kind == ExprKind::kTuple) {
    const Comparison sets = FromScreen(ScreenSets(*a.value, *b.value), "relation-for-set");
    // A prediction that repeats the condition of the question has solved nothing.
    if (sets.judgement.verdict == Verdict::kCorrect && !tolerance.relation_for_set) {
      return Decided(Verdict::kUnverifiable, "relation-for-set");
    }
    return sets;
  }
  return Decided(Verdict::kUnverifiable, "relation-for-value");
}

Comparison CompareMatrices(const Expr& gold, const Expr& predicted, const Tolerance& tolerance) {
  if (gold.columns != predicted.columns || gold.parts.size() != predicted.parts.size()) {
    return Decided(Verdict::kWrong, "matrix-size");
  }
  return CompareInOrder(gold.parts, predicted.parts, tolerance);
}

// (a, b) stands for the open interval too.
bool IsIntervalLike(const Expr& expr) {
  return expr.kind == ExprKind::kInterval ||
         (expr.kind == ExprKind::kTuple && expr.parts.size() == 2);
}

Comparison CompareSets(const ExprPtr& gold, const ExprPtr& predicted, const Tolerance& tolerance) {
  if (IsIntervalLike(*gold) && IsIntervalLike(*predicted)) {
    const auto ends = [](const Expr& e) {
      std::string brackets = e.kind == ExprKind::kTuple ? "()" : e.name;
      // Nothing is said by a closed end at infinity.
      const auto infinite = [](const Expr& end) {
        return end.kind == ExprKind::kSymbol && end.name == "oo";
      };
      if (AnyPart(*e.parts[0], infinite)) brackets[0] = '(';
      if (AnyPart(*e.parts[1], infinite)) brackets[1] = ')';
      return brackets;
    };
    const Comparison values = CompareInOrder(gold->parts, predicted->parts, tolerance);
    if (ends(*gold) == ends(*predicted)) return values;
    return Decided(Verdict::kWrong, "interval-ends");
  }
  if (CanonicalText(*gold) == CanonicalText(*predicted)) {
    return Decided(Verdict::kCorrect, "same-form");
  }
  if (gold->kind == ExprKind::kUnion && predicted->kind == ExprKind::kUnion) {
    const Comparison pieces = MatchUnordered(
        gold->parts, predicted->parts,
        [&](const ExprPtr& x, const ExprPtr& y) { return CompareAnswers(x, y, tolerance); });
    if (pieces.judgement.verdict == Verdict::kCorrect) return pieces;
  }
  Comparison sets = FromScreen(ScreenSets(*gold, *predicted), "sets");
  // Conditions in a list hold together ("x > 0, x \\ne 1") or one by one ("x < 1 or x > 2").
  if (sets.judgement.verdict != Verdict::kCorrect && gold->kind == ExprKind::kList) {
    const ExprPtr together = MakeExpr(ExprKind::kIntersection, gold->parts);
    sets = FromScreen(ScreenSets(*together, *predicted), "sets");
  }
  const bool conditions =
      AnyPart(*predicted, [](const Expr& e) { return e.kind == ExprKind::kRelation; });
  const bool equal = sets.judgement.verdict == Verdict::kCorrect;
  if (equal && conditions && !tolerance.relation_for_set &&
      !AnyPart(*gold, [](const Expr& e) { return e.kind == ExprKind::kRelation; })) {
    return Decided(Verdict::kUnverifiable, "relation-for-set");
  }
  return sets;
}

// Rows or columns are written as tuples too.
const std::vector<ExprPtr>* VectorParts(const Expr& expr) {
  const bool vector = expr.kind == ExprKind::kMatrix &&
                      (expr.columns == 1 || expr.columns == static_cast<int>(expr.parts.size()));
  const bool tuple = expr.kind == ExprKind::kTuple || expr.kind == ExprKind::kBracket ||
                     (expr.kind == ExprKind::kInterval && expr.name == "[]");
  return vector || tuple ? &expr.parts : nullptr;
}

Comparison CompareStructures(const ExprPtr& gold, const ExprPtr& predicted,
                             const Tolerance& tolerance) {
  if (gold->kind == ExprKind::kMatrix && predicted->kind == ExprKind::kMatrix) {
    return CompareMatrices(*gold, *predicted, tolerance);
  }
  if (gold->kind == ExprKind::kMatrix || predicted->kind == ExprKind::kMatrix) {
    const auto *a = VectorParts(*gold), *b = VectorParts(*predicted);
    if (a && b) return CompareInOrder(*a, *b, tolerance);
    return Decided(Verdict::kUnverifiable, "different-kind");
  }
  const auto proper_set = [](const Expr& e) {
    return IsSetLike(e) && (e.kind != ExprKind::kSet || e.parts.empty());
  };
  const bool collections = IsCollection(*gold) && IsCollection(*predicted);
  const bool listed = predicted->kind == ExprKind::kInterval && predicted->name == "[]" &&
                      (gold->kind == ExprKind::kList || gold->kind == ExprKind::kSet);
  if ((proper_set(*gold) || proper_set(*predicted)) && !listed && !IsScalar(*gold) &&
      !IsScalar(*predicted)) {
    return CompareSets(gold, predicted, tolerance);
  }
  if (collections || listed) return CompareCollections(gold, predicted, tolerance);
  // One side is a single value.
  const auto a = ElementsOf(gold), b = ElementsOf(predicted);
  if (a.size() == 1 && b.size() == 1 && !proper_set(*gold) && !proper_set(*predicted)) {
    return CompareAnswers(a[0].value, b[0].value, tolerance);
  }
  const bool spread = a.size() > 1 && a.size() == b.size();
  if (spread && !proper_set(*gold) && !proper_set(*predicted)) {
    return CompareCollections(gold, predicted, tolerance);
  }
  return Decided(Verdict::kWrong, "different-kind");
}

}  // namespace

Comparison CompareAnswers(const ExprPtr& gold, const ExprPtr& predicted,
                          const Tolerance& tolerance) {
  if (gold->kind == ExprKind::kRelation || predicted->kind == ExprKind::kRelation) {
    if (CanonicalText(*gold) == CanonicalText(*predicted)) {
      return Decided(Verdict::kCorrect, "same-form");
    }
    return CompareWithRelation(gold, predicted, tolerance);
  }
  if (gold->kind == ExprKind::kText || predicted->kind == ExprKind::kText) {
    return CompareTexts(*gold, *predicted);
  }
  // A set of one tuple is that tuple.
  const auto only = [](const ExprPtr& e) {
    return e->kind == ExprKind::kSet && e->parts.size() == 1 && !IsScalar(*e->parts[0]);
  };
  if (only(gold) != only(predicted)) {
    return only(gold) ? CompareAnswers(gold->parts[0], predicted, tolerance)
                      : CompareAnswers(gold, predicted->parts[0], tolerance);
  }
  const bool scalars = IsScalar(*gold) && IsScalar(*predicted);
  if (!scalars) return CompareStructures(gold, predicted, tolerance);
  if (SignsExpanded(gold).size() > 1 || SignsExpanded(predicted).size() > 1) {
    return CompareCollections(gold, predicted, tolerance);
  }
  return CompareScalars(gold, predicted, tolerance);
}

}  // namespace gradus
