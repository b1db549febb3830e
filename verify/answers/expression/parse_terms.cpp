#include <algorithm>

#include "verify/answers/expression/parser.h"
#include "verify/answers/tokens/characters.h"
#include "verify/answers/tokens/units.h"

namespace gradus {
namespace {

bool IsWhole(const Expr& expr) {
  return expr.kind == ExprKind::kNumber && expr.decimals < 0 && expr.value.get_den() == 1;
}

// a/b with whole numbers 0 < a < b.
bool IsProperFraction(const Expr& expr) {
  if (expr.kind != ExprKind::kMul || expr.parts.size() != 2) return false;
  const Expr &top = *expr.parts[0], &inverse = *expr.parts[1];
  return IsWhole(top) && inverse.kind == ExprKind::kPower && IsWhole(*inverse.parts[0]) &&
         top.value > 0 && top.value < inverse.parts[0]->value;
}

// n (n - 2) (n - 4) ...; null when n is no whole number of moderate size.
ExprPtr DoubleFactorial(const Expr& base) {
  if (!IsWhole(base) || base.value < 0 || base.value > 1000) return nullptr;
  mpz_class product;
  mpz_2fac_ui(product.get_mpz_t(), base.value.get_num().get_ui());
  return MakeNumber(product);
}

ExprPtr Inverse(const ExprPtr& expr) { return MakeExpr(ExprKind::kPower, {expr, MakeNumber(-1)}); }

bool IsPlainNumber(const AnswerToken& token) {
  return token.kind == AnswerToken::Kind::kNumber &&
         token.text.find_first_not_of("0123456789") == std::string::npos;
}

}  // namespace

ExprPtr Parser::Sum() {
  const Level level(*this);
  ExprPtr left = Term();
  std::vector<ExprPtr> parts = {left};
  for (;;) {
    if (TakeSymbol("+")) {
      parts.push_back(Term());
    } else if (AtSymbol("-")) {
      ++at_;
      parts.push_back(Negated(Term()));
    } else if (AtSymbol("+-") || AtSymbol("-+")) {
      const std::string sign = Peek().text;
      ++at_;
      left = parts.size() == 1 ? parts[0] : MakeExpr(ExprKind::kAdd, std::move(parts));
      parts = {MakeExpr(ExprKind::kPlusMinus, {left, Term()}, sign)};
    } else {
      break;
    }
  }
  return parts.size() == 1 ? parts[0] : MakeExpr(ExprKind::kAdd, std::move(parts));
}

// A product with its sign. The sign belongs to the product, so that -3\frac{1}{2} is -(3 + 1/2).
ExprPtr Parser::Term() {
  bool negative = false;
  for (;; ++at_) {
    if (AtSymbol("-")) {
      negative = !negative;
    } else if (!AtSymbol("+")) {
      break;
    }
  }
  if (AtSymbol("+-") || AtSymbol("-+")) {
    const Level level(*this);
    const std::string sign = Peek().text;
    ++at_;
    return MakeExpr(ExprKind::kPlusMinus, {MakeNumber(0), Term()}, sign);
  }
  const std::size_t start = at_;
  std::vector<ExprPtr> parts = {Factor()};
  if (at_ == start + 1 && IsWhole(*parts[0])) {
    if (const ExprPtr mixed = MixedNumber(parts[0])) parts[0] = mixed;
  }
  for (;;) {
    if (TakeSymbol("*")) {
      parts.push_back(SignedFactor());
    } else if (TakeSymbol("/")) {
      parts.push_back(Inverse(SignedFactor()));
    } else if (Peek().kind == Kind::kNumber ? parts.back()->kind != ExprKind::kNumber
                                            : StartsFactor()) {
      const ExprPtr product = parts.size() == 1 ? parts[0] : MakeExpr(ExprKind::kMul, parts);
      const std::size_t before = at_;
      const ExprPtr with_unit = WithUnit(product);
      if (at_ != before) {
        parts = {with_unit};
        // "10 ft x 18 ft"
        if (Peek().text == "x" && Peek(1).kind == Kind::kNumber)
          tokens_[at_] = {Kind::kSymbol, "*"};
        if (!AtSymbol("*")) break;
        continue;
      }
      parts.push_back(Factor());
    } else {
      break;
    }
  }
  ExprPtr product = parts.size() == 1 ? parts[0] : MakeExpr(ExprKind::kMul, std::move(parts));
  product = WithSmallerUnit(WithUnit(product));
  return negative ? Negated(product) : product;
}

ExprPtr Parser::SignedFactor() {
  bool negative = false;
  for (;; ++at_) {
    if (AtSymbol("-")) {
      negative = !negative;
    } else if (!AtSymbol("+")) {
      break;
    }
  }
  const ExprPtr factor = Factor();
  return negative ? Negated(factor) : factor;
}

ExprPtr Parser::Factor() {
  const Level level(*this);
  return Postfix(Primary());
}

// "7 3/4" and "7\frac{3}{4}": a whole number directly followed by a proper fraction.
ExprPtr Parser::MixedNumber(const ExprPtr& whole) {
  if (IsPlainNumber(Peek()) && Peek(1).IsSymbol("/") && IsPlainNumber(Peek(2))) {
    const mpz_class top(Peek().text), bottom(Peek(2).text);
    if (top >= bottom || top == 0) throw Unreadable{};
    at_ += 3;
    return MakeNumber(whole->value + mpq_class(top) / bottom);
  }
  if (!Peek().IsCommand("frac")) return nullptr;
  const std::size_t start = at_;
  const ExprPtr fraction = Factor();
  // 33\frac{1}{3}\%, 7\frac{1}{2}^\circ
  const bool marked = fraction->kind == ExprKind::kPercent || fraction->kind == ExprKind::kUnit;
  if (marked && IsProperFraction(*fraction->parts[0])) {
    const Expr& part = *fraction->parts[0];
    return MakeExpr(
        fraction->kind,
        {MakeNumber(whole->value + part.parts[0]->value / part.parts[1]->parts[0]->value)},
        fraction->name);
  }
  if (IsProperFraction(*fraction)) {
    return MakeNumber(whole->value +
                      fraction->parts[0]->value / fraction->parts[1]->parts[0]->value);
  }
  at_ = start;
  return nullptr;
}

ExprPtr Parser::Postfix(ExprPtr base) {
  for (int count = 0; count < 8; ++count) {
    if (AtSymbol("!") && !Peek(1).IsSymbol("=")) {
      ++at_;
      const bool doubled = AtSymbol("!") && !Peek(1).IsSymbol("=");
      if (doubled) ++at_;
      base = doubled ? DoubleFactorial(*base) : MakeExpr(ExprKind::kCall, {base}, "factorial");
      if (!base) throw Unreadable{};
    } else if (TakeSymbol("%")) {
      base = MakeExpr(ExprKind::kPercent, {base});
    } else if (TakeSymbol("°")) {
      base = MakeExpr(ExprKind::kUnit, {base}, TakeScale());
    } else if (const auto money = CurrencyOfSign(Peek().text); !money.empty() && !AtEnd()) {
      ++at_;
      base = MakeExpr(ExprKind::kUnit, {base}, std::string(money));
    } else if (TakeSymbol("'")) {
      base = MakeExpr(ExprKind::kCall, {base}, "prime");
    } else if (AtSymbol("^")) {
      base = Raised(base);
    } else if (TakeSymbol("_")) {
      base = Subscripted(base);
    } else {
      return base;
    }
  }
  return base;
}

// Behind the sign of degrees: "C" and "F" are scales of temperature.
std::string Parser::TakeScale() {
  for (const auto& [letter, name] : {std::pair{"C", "celsius"}, std::pair{"F", "fahrenheit"}}) {
    const bool here =
        (Peek().kind == Kind::kLetters || Peek().kind == Kind::kText) && Peek().text == letter;
    if (!here) continue;
    ++at_;
    return name;
  }
  return "degree";
}

// Behind a base: a power, or "^\circ", "^{\prime}" which are none.
ExprPtr Parser::Raised(const ExprPtr& base) {
  ++at_;
  const bool braces = AtSymbol("{");
  std::size_t n = braces ? 1 : 0;
  // The transpose of a vector that is written as a tuple.
  if (base->kind == ExprKind::kTuple && Peek(n).text == "T") {
    at_ += n + 1;
    if (braces) Expect("}");
    return base;
  }
  const bool degree = Peek(n).IsSymbol("°"), prime = Peek(n).IsSymbol("'");
  if (!degree && !prime) return MakeExpr(ExprKind::kPower, {base, Exponent()});
  ExprPtr result = base;
  while (Peek(n).IsSymbol("°") || Peek(n).IsSymbol("'")) {
    if (prime) result = MakeExpr(ExprKind::kCall, {result}, "prime");
    if (++n > 8) throw Unreadable{};
  }
  at_ += n;
  if (braces) Expect("}");
  return degree ? MakeExpr(ExprKind::kUnit, {base}, TakeScale()) : result;
}

ExprPtr Parser::Exponent() {
  const Level level(*this);
  bool negative = false;
  for (; AtSymbol("-") || AtSymbol("+"); ++at_) negative = negative != AtSymbol("-");
  ExprPtr exponent = Primary();
  if (TakeSymbol("^")) exponent = MakeExpr(ExprKind::kPower, {exponent, Exponent()});
  return negative ? Negated(exponent) : exponent;
}

// Digits with a subscript are a number in that base, all else is a name with an index.
ExprPtr Parser::Subscripted(const ExprPtr& base) {
  const bool digits = at_ >= 2 && IsPlainNumber(tokens_[at_ - 2]) && IsWhole(*base);
  const std::string text = digits ? tokens_[at_ - 2].text : "";
  const bool braces = AtSymbol("{");
  const ExprPtr index = Primary();
  if (!digits) return MakeExpr(ExprKind::kCall, {base, index}, "index");
  if (!braces && index->kind != ExprKind::kNumber) throw Unreadable{};
  return InBase(text, index);
}

// The digits read in a base of 2 to 36.
ExprPtr Parser::InBase(const std::string& digits, const ExprPtr& base) {
  const bool known = IsWhole(*base) && base->value >= 2 && base->value <= 36;
  if (!known || digits.size() > 200) throw Unreadable{};
  auto based = std::make_shared<Expr>();
  based->kind = ExprKind::kBased;
  based->name = digits;
  based->parts = {base};
  mpz_class value;
  if (value.set_str(digits, static_cast<int>(base->value.get_d())) != 0) throw Unreadable{};
  based->value = value;
  return based;
}

}  // namespace gradus
