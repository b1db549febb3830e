#include "verify/answers/compare.h"

#include <algorithm>
#include <string>

#include "verify/answers/compare_parts.h"
#include "verify/answers/expression/exact.h"
#include "verify/answers/expression/screen.h"
#include "verify/answers/expression/shape.h"

namespace gradus {
namespace {

constexpr int kMaxShortWords = 3;

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
  Comparison sets = FromScreen(ScreenSets(*gold, *predicted, *tolerance.work), "sets");
  // Conditions in a list hold together ("x > 0, x \\ne 1") or one by one ("x < 1 or x > 2").
  if (sets.judgement.verdict != Verdict::kCorrect && gold->kind == ExprKind::kList) {
    const ExprPtr together = MakeExpr(ExprKind::kIntersection, gold->parts);
    sets = FromScreen(ScreenSets(*together, *predicted, *tolerance.work), "sets");
  }
  const bool excluded = predicted->kind == ExprKind::kRelation && predicted->name == "!";
  const bool conditions =
      !excluded && AnyPart(*predicted, [](const Expr& e) { return e.kind == ExprKind::kRelation; });
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

// A tuple with plus-minus signs as the list of tuples that it stands for.
ExprPtr PointsOf(const ExprPtr& expr) {
  if (expr->kind != ExprKind::kTuple) return expr;
  std::vector<ExprPtr> points = SignsExpanded(expr);
  return points.size() == 1 ? expr : MakeExpr(ExprKind::kList, std::move(points));
}

// Ones on the diagonal and zeros elsewhere, for which "I" stands.
bool IsIdentity(const Expr& expr) {
  if (expr.kind != ExprKind::kMatrix) return false;
  const auto n = static_cast<std::size_t>(expr.columns);
  bool identity = expr.parts.size() == n * n;
  for (std::size_t i = 0; identity && i < expr.parts.size(); ++i) {
    const auto cell = ExactValue(*expr.parts[i]);
    identity = cell && *cell == (i % (n + 1) == 0 ? 1 : 0);
  }
  return identity;
}

Comparison CompareStructures(const ExprPtr& gold, const ExprPtr& predicted,
                             const Tolerance& tolerance) {
  if (gold->kind == ExprKind::kMatrix && predicted->kind == ExprKind::kMatrix) {
    return CompareMatrices(*gold, *predicted, tolerance);
  }
  if (gold->kind == ExprKind::kMatrix || predicted->kind == ExprKind::kMatrix) {
    if (IsIdentity(*gold) && predicted->kind == ExprKind::kSymbol && predicted->name == "I") {
      return Decided(Verdict::kCorrect, "identity-matrix");
    }
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
  if (gold->kind == ExprKind::kList) {
    if (const auto solved = CompareSolutions(gold->parts, predicted, tolerance)) return *solved;
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
  // (4, \pm 6) is two points.
  if (gold->kind == ExprKind::kTuple || predicted->kind == ExprKind::kTuple) {
    const ExprPtr a = PointsOf(gold), b = PointsOf(predicted);
    if (a != gold || b != predicted) return CompareAnswers(a, b, tolerance);
  }
  const bool scalars = IsScalar(*gold) && IsScalar(*predicted);
  if (!scalars) return CompareStructures(gold, predicted, tolerance);
  if (SignsExpanded(gold).size() > 1 || SignsExpanded(predicted).size() > 1) {
    return CompareCollections(gold, predicted, tolerance);
  }
  return CompareScalars(gold, predicted, tolerance);
}

}  // namespace gradus
