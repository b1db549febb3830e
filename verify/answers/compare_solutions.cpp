#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "verify/answers/compare.h"
#include "verify/answers/expression/exact.h"
#include "verify/answers/expression/shape.h"

namespace gradus {
namespace {

constexpr std::size_t kMaxUnknowns = 6;
constexpr int kMaxDegree = 12;

using Values = std::map<std::string, ExprPtr>;

// left - right of an equation.
ExprPtr Residual(const ExprPtr& equation) {
  return MakeExpr(ExprKind::kAdd, {equation->parts[0], Negated(equation->parts[1])});
}

bool IsEquation(const ExprPtr& expr) {
  return expr->kind == ExprKind::kRelation && expr->name == "=" && expr->parts.size() == 2 &&
         Unwrapped(expr).name.empty();
}

ExprPtr With(ExprPtr expr, const Values& values) {
  for (const auto& [name, value] : values) expr = Substituted(expr, name, value);
  return expr;
}

// The exact value of a residual at a point of whole coordinates.
std::optional<mpq_class> At(const ExprPtr& residual, const std::vector<std::string>& names,
                            const std::vector<long>& point) {
  Values values;
  for (std::size_t i = 0; i < names.size(); ++i) values[names[i]] = MakeNumber(point[i]);
  return ExactValue(*With(residual, values));
}

// Coefficients of a residual that is linear in its unknowns; nothing when it is not.
std::optional<std::vector<mpq_class>> Coefficients(const ExprPtr& residual,
                                                   const std::vector<std::string>& names) {
  std::vector<long> point(names.size(), 0);
  const auto origin = At(residual, names, point);
  std::vector<mpq_class> row;
  for (std::size_t i = 0; origin && i < names.size(); ++i) {
    point.assign(names.size(), 0);
    point[i] = 1;
    const auto value = At(residual, names, point);
    if (!value) return {};
    row.push_back(*value - *origin);
  }
  for (const long scale : {3L, -7L}) {
    mpq_class expected = origin.value_or(0);
    for (std::size_t i = 0; i < names.size(); ++i) {
      point[i] = scale + 2 * static_cast<long>(i);
      if (i < row.size()) expected += row[i] * point[i];
    }
    const auto value = At(residual, names, point);
    if (!value || *value != expected) return {};
  }
  return row;
}

// Whether a square matrix has an inverse.
bool IsRegular(std::vector<std::vector<mpq_class>> rows) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto pivot = std::find_if(rows.begin() + static_cast<std::ptrdiff_t>(i), rows.end(),
                                    [&](const auto& row) { return row[i] != 0; });
    if (pivot == rows.end()) return false;
    std::swap(rows[i], *pivot);
    for (std::size_t j = i + 1; j < rows.size(); ++j) {
      const mpq_class factor = rows[j][i] / rows[i][i];
      for (std::size_t k = i; k < rows.size(); ++k) rows[j][k] -= factor * rows[i][k];
    }
  }
  return true;
}

Comparison Holds(const std::vector<ExprPtr>& equations, const Values& values,
                 const Tolerance& tolerance) {
  for (const ExprPtr& equation : equations) {
    Comparison side = CompareBodies(With(equation->parts[0], values),
                                    With(equation->parts[1], values), tolerance);
    if (side.judgement.verdict != Verdict::kCorrect) return side;
  }
  return Decided(Verdict::kCorrect, "solves");
}

// A linear system with one solution.
Comparison CompareSystem(const std::vector<ExprPtr>& equations,
                         const std::vector<std::string>& names, const Values& values,
                         const Tolerance& tolerance) {
  Comparison holds = Holds(equations, values, tolerance);
  if (holds.judgement.verdict == Verdict::kWrong) return holds;
  std::vector<std::vector<mpq_class>> rows;
  for (const ExprPtr& equation : equations) {
    const auto row = Coefficients(Residual(equation), names);
    if (!row) return Decided(Verdict::kUnverifiable, "other-solutions");
    rows.push_back(*row);
  }
  if (!IsRegular(rows)) return Decided(Verdict::kUnverifiable, "other-solutions");
  return holds;
}

// The degree of a residual that is a polynomial in one unknown, by finite differences; 0 for
// others.
int DegreeOf(const ExprPtr& residual, const std::string& name) {
  std::vector<mpq_class> values;
  for (long x = 0; x < kMaxDegree + 3; ++x) {
    const auto value = At(residual, {name}, {x});
    if (!value) return 0;
    values.push_back(*value);
  }
  for (int degree = -1; degree <= kMaxDegree; ++degree) {
    const bool zero =
        std::all_of(values.begin(), values.end(), [](const auto& v) { return v == 0; });
    if (zero) return std::max(degree, 0);
    for (std::size_t i = 0; i + 1 < values.size(); ++i) values[i] = values[i + 1] - values[i];
    values.pop_back();
  }
  return 0;
}

// As many different roots as the degree says are all of them.
Comparison CompareRoots(const ExprPtr& equation, const std::string& name,
                        const std::vector<NamedValue>& roots, const Tolerance& tolerance) {
  for (std::size_t i = 0; i < roots.size(); ++i) {
    Comparison holds = Holds({equation}, {{name, roots[i].value}}, tolerance);
    if (holds.judgement.verdict != Verdict::kCorrect) return holds;
    for (std::size_t j = 0; j < i; ++j) {
      const Comparison same = CompareBodies(roots[i].value, roots[j].value, tolerance);
      if (same.judgement.verdict != Verdict::kWrong) {
        return Decided(Verdict::kUnverifiable, "other-solutions");
      }
    }
  }
  const bool all = DegreeOf(Residual(equation), name) == static_cast<int>(roots.size());
  return Decided(all ? Verdict::kCorrect : Verdict::kUnverifiable,
                 all ? "solves" : "other-solutions");
}

}  // namespace

std::optional<Comparison> CompareSolutions(const std::vector<ExprPtr>& equations,
                                           const ExprPtr& predicted, const Tolerance& tolerance) {
  std::set<std::string> unknowns;
  for (const ExprPtr& equation : equations) {
    if (!IsEquation(equation)) return {};
    AnyPart(*equation, [&](const Expr& e) {
      if (IsVariable(e)) unknowns.insert(e.name);
      return false;
    });
  }
  const std::vector<std::string> names(unknowns.begin(), unknowns.end());
  const std::vector<NamedValue> elements = ElementsOf(predicted);
  if (names.empty() || names.size() > kMaxUnknowns || elements.size() > kMaxDegree) return {};
  Values values;
  for (const NamedValue& element : elements) {
    if (HasVariables(*element.value) || !IsScalar(*element.value)) return {};
    if (!element.name.empty() && !unknowns.contains(element.name)) return {};
    if (!element.name.empty()) values[element.name] = element.value;
  }
  if (names.size() == 1 && equations.size() == 1) {
    return CompareRoots(equations[0], names[0], elements, WithoutSlack(tolerance));
  }
  const bool system = values.size() == names.size() && values.size() == elements.size() &&
                      equations.size() == names.size();
  if (!system) return {};
  return CompareSystem(equations, names, values, WithoutSlack(tolerance));
}

}  // namespace gradus
