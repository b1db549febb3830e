#include <algorithm>

#include "verify/answers/expression/characters.h"
#include "verify/answers/expression/parser.h"
#include "verify/answers/expression/spelling.h"

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

ExprPtr Inverse(const ExprPtr& expr) { return MakeExpr(ExprKind::kPower, {expr, MakeNumber(-1)}); }

// "3 million".
int ZerosOf(std::string_view word) {
  return word == "thousand"   ? 3
         : word == "million"  ? 6
         : word == "billion"  ? 9
         : word == "trillion" ? 12
                              : 0;
}

constexpr std::size_t kNoLetters = 1000;

// "km/h", "square meters": each word by its canonical name.
std::string UnitOfText(std::string_view words) {
  std::string name;
  while (!words.empty()) {
    const std::size_t end = std::min(words.find_first_of(" /"), words.size());
    const std::string_view word = words.substr(0, end), known = UnitName(word);
    const bool apart = !word.empty() && !name.empty() && !name.ends_with('/');
    name += (apart ? " " : "") + std::string(known.empty() ? word : known);
    if (end < words.size() && words[end] == '/') name += '/';
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  return name;
}

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
      ExprPtr product = parts.size() == 1 ? parts[0] : MakeExpr(ExprKind::kMul, parts);
      const ExprPtr with_unit = WithUnit(product);
      if (with_unit != product) {
        parts = {with_unit};
      } else {
        parts.push_back(Factor());
      }
    } else {
      break;
    }
  }
  ExprPtr product = parts.size() == 1 ? parts[0] : MakeExpr(ExprKind::kMul, std::move(parts));
  product = WithUnit(product);
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
      if (AtSymbol("!")) throw Unreadable{};  // The double factorial.
      base = MakeExpr(ExprKind::kCall, {base}, "factorial");
    } else if (TakeSymbol("%")) {
      base = MakeExpr(ExprKind::kPercent, {base});
    } else if (TakeSymbol("°")) {
      base = MakeExpr(ExprKind::kUnit, {base}, "degree");
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

// Behind a base: a power, or "^\circ", "^{\prime}" which are none.
ExprPtr Parser::Raised(const ExprPtr& base) {
  ++at_;
  const bool braces = AtSymbol("{");
  std::size_t n = braces ? 1 : 0;
  const bool degree = Peek(n).IsSymbol("°"), prime = Peek(n).IsSymbol("'");
  if (!degree && !prime) return MakeExpr(ExprKind::kPower, {base, Exponent()});
  ExprPtr result = base;
  while (Peek(n).IsSymbol("°") || Peek(n).IsSymbol("'")) {
    if (prime) result = MakeExpr(ExprKind::kCall, {result}, "prime");
    if (++n > 8) throw Unreadable{};
  }
  if (degree) result = MakeExpr(ExprKind::kUnit, {base}, "degree");
  at_ += n;
  if (braces) Expect("}");
  return result;
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
  auto based = std::make_shared<Expr>();
  based->kind = ExprKind::kBased;
  based->name = text;
  based->parts = {index};
  if (!IsWhole(*index) || index->value < 2 || index->value > 10 || text.size() > 200) {
    throw Unreadable{};
  }
  const int radix = static_cast<int>(index->value.get_d());
  mpz_class value;
  if (value.set_str(text, radix) != 0) throw Unreadable{};
  based->value = value;
  return based;
}

// A value without variables may be followed by what is counted: "5\text{ cm}^2", "3 apples",
// "28 percent".
ExprPtr Parser::WithUnit(ExprPtr value) {
  if (value->kind == ExprKind::kUnit || value->kind == ExprKind::kPercent) {
    if (Peek().kind == Kind::kText && !AtConnective()) ++at_;  // "10\%\text{ a year}"
    return value;
  }
  const bool text = Peek().kind == Kind::kText;
  if (!text && Peek().kind != Kind::kLetters) return value;
  if (AtConnective() || !IsScalar(*value)) return value;
  if (IsPercentWord(Peek().text)) {
    ++at_;
    return MakeExpr(ExprKind::kPercent, {value});
  }
  if (const int zeros = ZerosOf(Peek().text); zeros > 0 && !HasVariables(*value)) {
    ++at_;
    mpz_class factor;
    mpz_ui_pow_ui(factor.get_mpz_t(), 10, static_cast<unsigned long>(zeros));
    return WithUnit(MakeExpr(ExprKind::kMul, {value, MakeNumber(factor)}));
  }
  std::string unit;
  for (std::string word = UnitWord(HasVariables(*value) ? kNoLetters : 2); !word.empty();
       word = UnitWord(unit.ends_with('/') ? 1 : 2)) {
    const bool apart = !unit.empty() && !unit.ends_with('/') && word != "/";
    unit += (apart ? " " : "") + word;
  }
  for (const auto& [word, power] : {std::pair{"square ", "^2"}, std::pair{"cubic ", "^3"}}) {
    if (unit.starts_with(word)) unit = unit.substr(std::string_view(word).size()) + power;
  }
  return unit.empty() ? value : MakeExpr(ExprKind::kUnit, {value}, unit);
}

// One word of a unit with its power, or "". Runs of fewer letters than `shortest` are none.
std::string Parser::UnitWord(std::size_t shortest) {
  const AnswerToken& token = Peek();
  std::string name;
  if (token.kind == Kind::kText && !AtConnective()) {
    name = UnitOfText(token.text);
  } else if (token.kind == Kind::kLetters && token.text.size() >= shortest && !AtConnective()) {
    name = UnitName(token.text);
    const bool function = !FunctionName(token.text).empty();
    if ((function && Peek(1).kind != Kind::kEnd) || !NumberOfWord(token.text).empty()) return "";
  } else if (token.IsSymbol("/")) {
    const AnswerToken& next = Peek(1);
    const bool unit =
        next.kind == Kind::kText || (next.kind == Kind::kLetters && !UnitName(next.text).empty());
    if (unit) ++at_;
    return unit ? "/" : "";
  }
  if (name.empty()) return "";
  ++at_;
  if (AtSymbol("^")) {
    ++at_;
    const bool braces = TakeSymbol("{");
    if (Peek().kind != Kind::kNumber) throw Unreadable{};
    name += "^" + Peek().text;
    ++at_;
    if (braces) Expect("}");
  }
  return name;
}

}  // namespace gradus
