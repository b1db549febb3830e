#include "verify/answers/expression/shape.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "verify/answers/expression/sampled_value.h"

namespace gradus {
namespace {

bool HasPlusMinus(const Expr& expr) {
  return AnyPart(expr, [](const Expr& e) { return e.kind == ExprKind::kPlusMinus; });
}

// All signs of an expression move together: the upper ones first.
enum class Signs { kUpper, kLower };

ExprPtr WithSigns(const ExprPtr& expr, Signs signs) {
  if (!HasPlusMinus(*expr)) return expr;
  auto copy = std::make_shared<Expr>(*expr);
  for (ExprPtr& part : copy->parts) part = WithSigns(part, signs);
  if (copy->kind == ExprKind::kPlusMinus) {
    const bool plus = (copy->name == "+-") == (signs == Signs::kUpper);
    if (!plus) copy->parts[1] = Negated(copy->parts[1]);
    const bool alone = copy->parts[0]->kind == ExprKind::kNumber && copy->parts[0]->value == 0;
    if (alone) return copy->parts[1];
    copy->kind = ExprKind::kAdd;
    copy->name.clear();
  }
  return copy;
}

bool Mentions(const Expr& expr, const Expr& variable) {
  return AnyPart(
      expr, [&](const Expr& e) { return e.kind == ExprKind::kSymbol && e.name == variable.name; });
}

// Whether the values of a chain of constants are equal, and approximately where it says so.
bool AgreesWithItself(const Expr& chain) {
  for (std::size_t i = 0; i < chain.name.size(); ++i) {
    const auto a = RealConstant(*chain.parts[i]), b = RealConstant(*chain.parts[i + 1]);
    const long double slack = chain.name[i] == relation::kAbout ? 0.05L : 1e-15L;
    if (!a || !b || std::abs(*a - *b) > slack * std::abs(*a)) return false;
  }
  return true;
}

bool OnlyOf(std::string_view operators, std::string_view allowed) {
  return operators.find_first_not_of(allowed) == std::string_view::npos;
}

}  // namespace

NamedValue Unwrapped(const ExprPtr& expr) {
  if (expr->kind != ExprKind::kRelation || !OnlyOf(expr->name, "=~i")) return {expr, ""};
  const auto& parts = expr->parts;
  const bool named = IsNameLike(*parts[0]);
  if (const std::size_t in = expr->name.find('i'); in != std::string::npos) {
    const bool membership = named && in == 0 && parts.size() == 2;
    return membership ? NamedValue{parts[1], CanonicalText(*parts[0])} : NamedValue{expr, ""};
  }
  std::size_t last = parts.size() - 1;
  if (const std::size_t about = expr->name.find('~'); about != std::string::npos) {
    // What stands before the sign is the exact value, unless that is only a name.
    last = about == 0 && named ? std::min<std::size_t>(1, last) : about;
  }
  const ExprPtr& value = parts[last];
  if (last == 0) return AgreesWithItself(*expr) ? NamedValue{value, ""} : NamedValue{expr, ""};
  if (named) {
    const bool equation = IsVariable(*parts[0]) && Mentions(*value, *parts[0]);
    return equation ? NamedValue{expr, ""} : NamedValue{value, CanonicalText(*parts[0])};
  }
  // A bare chain or approximation must be one: "5 \approx 7" has no value.
  if (!HasVariables(*expr))
    return AgreesWithItself(*expr) ? NamedValue{value, ""} : NamedValue{expr, ""};
  // "2x + 1 = 2 * 3 + 1 = 7" works a value out, "x^2 = y^2 = 1" is an equation.
  const Expr& before = *parts[last - 1];
  const bool worked_out = HasVariables(*value) || !HasVariables(before) || IsVariable(before);
  if (last >= 2 && worked_out) return {value, ""};
  return {expr, ""};
}

std::vector<ExprPtr> SignsExpanded(const ExprPtr& expr) {
  if (!HasPlusMinus(*expr)) return {expr};
  return {WithSigns(expr, Signs::kUpper), WithSigns(expr, Signs::kLower)};
}

std::vector<NamedValue> ElementsOf(const ExprPtr& expr) {
  std::vector<NamedValue> elements;
  const bool collection = IsCollection(*expr) || expr->kind == ExprKind::kInterval;
  for (const ExprPtr& part : collection ? expr->parts : std::vector<ExprPtr>{expr}) {
    const NamedValue named = Unwrapped(part);
    for (const ExprPtr& value : SignsExpanded(named.value)) {
      if (collection && value->kind == ExprKind::kList) {
        for (const ExprPtr& inner : value->parts) elements.push_back({inner, named.name});
      } else {
        elements.push_back({value, named.name});
      }
    }
  }
  return elements;
}

std::vector<ExprPtr> SimpleRelations(const Expr& chain) {
  std::vector<ExprPtr> simple;
  for (std::size_t i = 0; i + 1 < chain.parts.size(); ++i) {
    simple.push_back(MakeExpr(ExprKind::kRelation, {chain.parts[i], chain.parts[i + 1]},
                              std::string(1, chain.name[i])));
  }
  return simple;
}

ExprPtr Substituted(const ExprPtr& expr, std::string_view variable, const ExprPtr& value) {
  if (expr->kind == ExprKind::kSymbol) return expr->name == variable ? value : expr;
  std::shared_ptr<Expr> copy;
  for (std::size_t i = 0; i < expr->parts.size(); ++i) {
    const ExprPtr part = Substituted(expr->parts[i], variable, value);
    if (part == expr->parts[i]) continue;
    if (!copy) copy = std::make_shared<Expr>(*expr);
    copy->parts[i] = part;
  }
  return copy ? ExprPtr(copy) : expr;
}

ExprPtr AsTuple(const ExprPtr& expr) {
  if (!expr || !IsScalar(*expr)) return expr;
  static constexpr std::string_view kAxes[] = {"unit_i", "unit_j", "unit_k"};
  const auto has = [](const Expr& e, std::string_view axis) {
    return AnyPart(
        e, [&](const Expr& part) { return part.kind == ExprKind::kSymbol && part.name == axis; });
  };
  std::vector<ExprPtr> sums[3];
  const bool sum = expr->kind == ExprKind::kAdd;
  for (const ExprPtr& term : sum ? expr->parts : std::vector<ExprPtr>{expr}) {
    const std::size_t axis = has(*term, kAxes[0]) ? 0 : has(*term, kAxes[1]) ? 1 : 2;
    const ExprPtr rest = Substituted(term, kAxes[axis], MakeNumber(1));
    const bool linear = rest != term && std::none_of(std::begin(kAxes), std::end(kAxes),
                                                     [&](auto name) { return has(*rest, name); });
    if (!linear || (term->kind != ExprKind::kMul && term->kind != ExprKind::kSymbol)) return expr;
    sums[axis].push_back(rest);
  }
  std::vector<ExprPtr> components;
  for (std::size_t i = 0; i < (sums[2].empty() ? 2 : 3); ++i) {
    components.push_back(sums[i].empty()       ? MakeNumber(0)
                         : sums[i].size() == 1 ? sums[i][0]
                                               : MakeExpr(ExprKind::kAdd, sums[i]));
  }
  return MakeExpr(ExprKind::kTuple, std::move(components));
}

ExprPtr WithCommonLogs(const ExprPtr& expr) {
  if (!AnyPart(*expr, [](const Expr& e) { return e.kind == ExprKind::kCall && e.name == "Log"; })) {
    return expr;
  }
  auto copy = std::make_shared<Expr>(*expr);
  for (ExprPtr& part : copy->parts) part = WithCommonLogs(part);
  if (copy->kind == ExprKind::kCall && copy->name == "Log") {
    copy->name = "log";
    copy->parts.push_back(MakeNumber(10));
  }
  return copy;
}

Quantity QuantityOf(const ExprPtr& expr) {
  if (expr->kind == ExprKind::kPercent) return {expr->parts[0], true, ""};
  if (expr->kind != ExprKind::kUnit) return {expr, false, ""};
  Quantity inner = QuantityOf(expr->parts[0]);
  if (expr->name != "unit" && expr->name != "units") inner.unit = expr->name;
  return inner;
}

}  // namespace gradus
