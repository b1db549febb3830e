#include "verify/answers/expression/shape.h"

#include <algorithm>
#include <utility>

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
  if (last == 0) return {value, ""};
  if (named) {
    const bool equation = IsVariable(*parts[0]) && Mentions(*value, *parts[0]);
    return equation ? NamedValue{expr, ""} : NamedValue{value, CanonicalText(*parts[0])};
  }
  if (last >= 2 || !HasVariables(*expr)) return {value, ""};
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

Quantity QuantityOf(const ExprPtr& expr) {
  if (expr->kind == ExprKind::kPercent) return {expr->parts[0], true, ""};
  if (expr->kind != ExprKind::kUnit) return {expr, false, ""};
  Quantity inner = QuantityOf(expr->parts[0]);
  if (expr->name != "unit" && expr->name != "units") inner.unit = expr->name;
  return inner;
}

}  // namespace gradus
