#include "verify/answers/expression/expr.h"

#include <algorithm>
#include <utility>

namespace gradus {
namespace {

constexpr std::string_view kConstants[] = {"pi", "e", "i", "oo", "zoo", "...", "Reals"};

// Collects the operands of nested sums or products.
void Flatten(const Expr& expr, ExprKind kind, std::vector<std::string>& out) {
  for (const ExprPtr& part : expr.parts) {
    if (part->kind == kind) {
      Flatten(*part, kind, out);
    } else {
      out.push_back(CanonicalText(*part));
    }
  }
}

bool IgnoresOrder(ExprKind kind) {
  return kind == ExprKind::kAdd || kind == ExprKind::kMul || kind == ExprKind::kSet ||
         kind == ExprKind::kUnion || kind == ExprKind::kIntersection;
}

}  // namespace

ExprPtr MakeExpr(ExprKind kind, std::vector<ExprPtr> parts, std::string name) {
  auto expr = std::make_shared<Expr>();
  expr->kind = kind;
  expr->parts = std::move(parts);
  expr->name = std::move(name);
  return expr;
}

ExprPtr MakeNumber(mpq_class value) {
  auto expr = std::make_shared<Expr>();
  expr->kind = ExprKind::kNumber;
  expr->value = std::move(value);
  return expr;
}

ExprPtr MakeSymbol(std::string_view name) {
  return MakeExpr(ExprKind::kSymbol, {}, std::string(name));
}

ExprPtr Negated(const ExprPtr& expr) {
  if (expr->kind == ExprKind::kNumber) {
    auto number = std::make_shared<Expr>(*expr);
    number->value = -number->value;
    return number;
  }
  if (expr->kind == ExprKind::kPercent || expr->kind == ExprKind::kUnit) {
    return MakeExpr(expr->kind, {Negated(expr->parts[0])}, expr->name);
  }
  return MakeExpr(ExprKind::kMul, {MakeNumber(-1), expr});
}

std::string CanonicalText(const Expr& expr) {
  if (expr.kind == ExprKind::kNumber) return expr.value.get_str();
  if (expr.kind == ExprKind::kSymbol) return expr.name;
  std::vector<std::string> parts;
  if (IgnoresOrder(expr.kind)) {
    Flatten(expr, expr.kind, parts);
    std::sort(parts.begin(), parts.end());
  } else {
    for (const ExprPtr& part : expr.parts) parts.push_back(CanonicalText(*part));
  }
  std::string text = std::to_string(static_cast<int>(expr.kind)) + ":" + expr.name + "(";
  for (const std::string& part : parts) text += part + ",";
  return text + ")";
}

bool IsScalar(const Expr& expr) {
  switch (expr.kind) {
    case ExprKind::kNumber:
    case ExprKind::kAdd:
    case ExprKind::kMul:
    case ExprKind::kPower:
    case ExprKind::kCall:
    case ExprKind::kPlusMinus:
    case ExprKind::kPercent:
    case ExprKind::kUnit:
    case ExprKind::kRatio:
    case ExprKind::kBased:
      return true;
    case ExprKind::kSymbol:
      return expr.name != "Reals";
    default:
      return false;
  }
}

bool IsVariable(const Expr& expr) {
  return expr.kind == ExprKind::kSymbol &&
         std::find(std::begin(kConstants), std::end(kConstants), expr.name) == std::end(kConstants);
}

bool HasVariables(const Expr& expr) { return AnyPart(expr, IsVariable); }

bool IsCollection(const Expr& expr) {
  return expr.kind == ExprKind::kTuple || expr.kind == ExprKind::kList ||
         expr.kind == ExprKind::kSet || expr.kind == ExprKind::kBracket;
}

bool IsSetLike(const Expr& expr) {
  switch (expr.kind) {
    case ExprKind::kInterval:
    case ExprKind::kSet:
    case ExprKind::kUnion:
    case ExprKind::kIntersection:
    case ExprKind::kDifference:
      return true;
    default:
      return expr.kind == ExprKind::kSymbol && expr.name == "Reals";
  }
}

bool IsNameLike(const Expr& expr) {
  switch (expr.kind) {
    case ExprKind::kSymbol:
      return expr.name != "..." && expr.name != "oo" && expr.name != "pi" && expr.name != "zoo";
    case ExprKind::kText:
      return true;
    case ExprKind::kCall:
      // What stands in the brackets of f(...) or below a_... is free.
      return expr.name == "index" || expr.name == "prime" || expr.name == "abs" ||
             expr.name == "det" || expr.name.starts_with("f:");
    case ExprKind::kPower:
      // NO / BO, f^{-1}; but x^2 = 4 is an equation.
      return expr.parts[1]->kind == ExprKind::kNumber && expr.parts[1]->value == -1 &&
             IsNameLike(*expr.parts[0]);
    case ExprKind::kMul:
    case ExprKind::kTuple:
    case ExprKind::kRatio:
    case ExprKind::kList:
    case ExprKind::kUnit: {
      for (const ExprPtr& part : expr.parts) {
        const bool argument =
            expr.kind == ExprKind::kMul && part != expr.parts[0] && part->kind == ExprKind::kTuple;
        if (!argument && !IsNameLike(*part)) return false;
      }
      return !expr.parts.empty();
    }
    default:
      return false;
  }
}

}  // namespace gradus
