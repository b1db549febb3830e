#include <algorithm>
#include <charconv>

#include "verify/answers/expression/parser.h"
#include "verify/answers/tokens/spelling.h"
#include "verify/answers/tokens/units.h"

namespace gradus {
namespace {

constexpr int kMaxScale = 4000;  // Decimal exponent of a literal.
constexpr std::size_t kMaxDigits = 4000;

mpz_class PowerOfTen(int exponent) {
  mpz_class result;
  mpz_ui_pow_ui(result.get_mpz_t(), 10, static_cast<unsigned long>(exponent));
  return result;
}

// Null when the literal is out of bounds.
std::shared_ptr<Expr> DecimalLiteral(std::string_view text) {
  int exponent = 0;
  if (const std::size_t e = text.find('e'); e != std::string_view::npos) {
    std::string_view digits = text.substr(e + 1);
    if (digits.starts_with('+')) digits.remove_prefix(1);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), exponent);
    if (error != std::errc() || end != digits.data() + digits.size()) return nullptr;
    text = text.substr(0, e);
  }
  if (text.size() > kMaxDigits || exponent > kMaxScale || exponent < -kMaxScale) return nullptr;
  auto number = std::make_shared<Expr>();
  number->kind = ExprKind::kNumber;
  std::string digits(text);
  const std::size_t point = digits.find('.');
  const bool decimal = point != std::string::npos || exponent < 0;
  int decimals = 0;
  if (point != std::string::npos) {
    decimals = static_cast<int>(digits.size() - point - 1);
    digits.erase(point, 1);
  }
  const std::size_t leading = std::min(digits.find_first_not_of('0'), digits.size());
  number->value = mpz_class(digits.empty() ? "0" : digits, 10);
  const int scale = exponent - decimals;
  if (scale < 0) number->value /= PowerOfTen(-scale);
  if (scale > 0) number->value *= PowerOfTen(scale);
  if (decimal) {
    number->decimals = std::max(0, -scale);
    number->digits = static_cast<int>(digits.size() - leading);
  }
  return number;
}

// The shortest block that the digits end with twice, three times for one digit; "" for none.
std::string PeriodAtEnd(const std::string& digits) {
  for (std::size_t length = 1; length <= 6; ++length) {
    const std::size_t needed = length == 1 ? 3 : 2 * length;
    if (digits.size() < needed) break;
    const std::string period = digits.substr(digits.size() - length);
    bool repeats = true;
    for (std::size_t i = 0; i < needed; ++i) {
      repeats = repeats && digits[digits.size() - 1 - i] == period[length - 1 - i % length];
    }
    if (repeats) return period;
  }
  return "";
}

}  // namespace

bool Parser::StartsNamedFunction() const {
  const AnswerToken& token = Peek();
  return (token.kind == Kind::kCommand || token.kind == Kind::kLetters) &&
         !FunctionName(token.text).empty();
}

bool Parser::StartsFactor() const {
  const AnswerToken& token = Peek();
  if (AtEnd() || AtConnective()) return false;
  switch (token.kind) {
    case Kind::kCommand:
      return token.text != "pmod" && token.text != "bmod" && token.text != "mod";
    case Kind::kNumber:
    case Kind::kLetters:
    case Kind::kText:
    case Kind::kBegin:
      return true;
    case Kind::kEnd:
      return false;
    case Kind::kSymbol:
      break;
  }
  if (token.text == "|") return !in_bars_ && !in_set_;
  return token.text == "(" || token.text == "[" || token.text == "{" || token.text == "\\{" ||
         token.text == "lfloor" || token.text == "lceil";
}

ExprPtr Parser::Primary() {
  const Level level(*this);
  const AnswerToken& token = Peek();
  switch (token.kind) {
    case Kind::kNumber:
      return Number();
    case Kind::kLetters:
      return Letters();
    case Kind::kCommand:
      return Command();
    case Kind::kBegin:
      return Environment(Rows::kCells);
    case Kind::kText: {
      const std::string text = token.text;
      ++at_;
      return text.size() == 1 ? MakeSymbol(text) : MakeExpr(ExprKind::kText, {}, text);
    }
    case Kind::kEnd:
      throw Unreadable{};
    case Kind::kSymbol:
      break;
  }
  if (token.text == "(") return Parenthesised();
  if (token.text == "[") return Bracketed();
  if (token.text == "{" && Peek(1).IsSymbol("}") && Peek(2).IsSymbol("_")) at_ += 2;
  if (AtSymbol("_") || AtSymbol("^")) return LeadingSelection();
  if (AtSymbol("{")) return Braced();
  if (token.text == "\\{") return SetBraces();
  if (!CurrencyOfSign(token.text).empty()) return Money();
  if (token.text == "...") {
    ++at_;
    return MakeSymbol("...");
  }
  return Bars();
}

// |x|, ||x||, floor and ceiling.
ExprPtr Parser::Bars() {
  static constexpr std::string_view kPairs[][3] = {{"|", "|", "abs"},
                                                   {"||", "||", "norm"},
                                                   {"lfloor", "rfloor", "floor"},
                                                   {"lceil", "rceil", "ceil"}};
  for (const auto& [open, close, name] : kPairs) {
    if (!AtSymbol(open)) continue;
    ++at_;
    const bool bars = std::exchange(in_bars_, true);
    const ExprPtr inner = Sum();
    in_bars_ = bars;
    Expect(close);
    return MakeExpr(ExprKind::kCall, {inner}, std::string(name));
  }
  throw Unreadable{};
}

ExprPtr Parser::Number() {
  const std::string text = Peek().text;
  ++at_;
  if (text.find('.') != std::string::npos) {
    if (const ExprPtr repeating = RepeatingDecimal(text)) return repeating;
  }
  const auto number = DecimalLiteral(text);
  if (!number) throw Unreadable{};
  if (const ExprPtr selected = Selection(number)) return selected;
  // Python's complex numbers.
  if (Peek().Is(Kind::kLetters, "j") && !Peek().spaced) {
    ++at_;
    return MakeExpr(ExprKind::kMul, {number, MakeSymbol("i")});
  }
  return number;
}

// $5, -$5, $-5
ExprPtr Parser::Money() {
  const std::string name(CurrencyOfSign(Peek().text));
  ++at_;
  const bool negative = TakeSymbol("-");
  if (Peek().kind != Kind::kNumber) throw Unreadable{};
  const ExprPtr amount = Factor();
  return MakeExpr(ExprKind::kUnit, {negative ? Negated(amount) : amount}, name);
}

// "10C3" and "5P2" without blanks, and the digits of "1A_{16}"; null for anything else.
ExprPtr Parser::Selection(const ExprPtr& from) {
  const AnswerToken &letters = Peek(), &next = Peek(1);
  if (letters.kind != Kind::kLetters || letters.spaced) return nullptr;
  if ((letters.text == "C" || letters.text == "P") && next.kind == Kind::kNumber && !next.spaced) {
    const std::string name = letters.text == "C" ? "binomial" : "permutations";
    ++at_;
    const ExprPtr count = DecimalLiteral(Peek().text);
    ++at_;
    if (!count) throw Unreadable{};
    return Constructed(name, {from, count});
  }
  std::size_t n = 0;
  std::string digits = tokens_[at_ - 1].text;
  for (; Peek(n).kind == Kind::kLetters || Peek(n).kind == Kind::kNumber; ++n) {
    if (Peek(n).spaced) return nullptr;
    digits += Peek(n).text;
  }
  if (!Peek(n).IsSymbol("_") || digits.find('.') != std::string::npos) return nullptr;
  at_ += n + 1;
  return InBase(digits, Argument());
}

// "{}_{10}C_3", "^{10}C_3"
ExprPtr Parser::LeadingSelection() {
  ++at_;
  const ExprPtr from = Argument();
  const std::string letter =
      Peek().kind == Kind::kLetters || Peek().kind == Kind::kText ? Peek().text : std::string();
  if ((letter != "C" && letter != "P") || !Peek(1).IsSymbol("_")) throw Unreadable{};
  at_ += 2;
  return Constructed(letter == "C" ? "binomial" : "permutations", {from, Argument()});
}

// The digits that repeat, where a mark says so: \overline{6}, (6), dots on the first and the last;
// "" when none does.
std::string Parser::MarkedPeriod() {
  std::string period;
  if (Peek().IsCommand("overline") || Peek().IsCommand("bar") || Peek().IsCommand("dot")) {
    ++at_;
    const bool braces = TakeSymbol("{");
    period = Peek().text;
    if (Peek().kind != Kind::kNumber) throw Unreadable{};
    ++at_;
    if (braces) Expect("}");
    const std::size_t between = Peek().kind == Kind::kNumber;
    if (Peek(between).IsCommand("dot") && Peek(between + 1).IsSymbol("{")) {
      period += (between ? Peek().text : "") + Peek(between + 2).text;
      at_ += between + 3;
      Expect("}");
    }
  } else if (AtSymbol("(") && !Peek().spaced && Peek(1).kind == Kind::kNumber && !Peek(1).spaced &&
             Peek(2).IsSymbol(")")) {
    period = Peek(1).text;
    at_ += 3;
  }
  return period;
}

// 0.1\overline{6}, 0.1(6), 0.1666...; null when nothing says that digits repeat.
ExprPtr Parser::RepeatingDecimal(const std::string& digits) {
  std::string head = digits, period = MarkedPeriod();
  if (period.empty() && AtSymbol("...") && !Peek().spaced) {
    ++at_;
    period = PeriodAtEnd(digits.substr(digits.find('.') + 1));
    head = digits.substr(0, digits.size() - period.size());
  }
  if (period.empty()) return nullptr;
  if (period.size() > 50 || period.find_first_not_of("0123456789") != std::string::npos) {
    throw Unreadable{};
  }
  const auto value = DecimalLiteral(head);
  if (!value) throw Unreadable{};
  const auto decimals = static_cast<int>(head.size() - head.find('.') - 1);
  const mpz_class nines = PowerOfTen(static_cast<int>(period.size())) - 1;
  return MakeNumber(value->value + mpq_class(mpz_class(period, 10)) / nines / PowerOfTen(decimals));
}

// A run of letters: a function, a name that is known, or a product of single letters.
ExprPtr Parser::Letters() {
  AnswerToken& token = tokens_[at_];
  const std::string run = token.text;
  if (run.size() > 1 && Peek(1).IsSymbol("_") && run.find_first_not_of("ABCDEF") == run.npos) {
    const std::size_t braces = Peek(2).IsSymbol("{");
    if (Peek(2 + braces).text == "16") {
      at_ += 2;
      return InBase(run, Argument());
    }
  }
  if (!FunctionName(run).empty() && run != "frac") {
    ++at_;
    return Function(run);
  }
  if (run.size() > 1 && IsSymbolName(run)) return Command();
  // "sinx", "2pir": a name that LaTeX would have set apart.
  static constexpr std::string_view kPrefixes[] = {"sin", "cos", "tan", "log", "ln", "pi", "sqrt"};
  std::size_t length = 1;
  for (std::string_view prefix : kPrefixes) {
    if (run.starts_with(prefix) && run.size() <= prefix.size() + 2) length = prefix.size();
  }
  const std::string name = run.substr(0, length);
  const bool starred =
      (at_ > 0 && tokens_[at_ - 1].IsSymbol("*")) || Peek(1).IsSymbol("*") || Peek(1).doubled;
  if (run.size() > length) {
    token.text = run.substr(length);
    token.spaced = false;
  } else {
    ++at_;
  }
  if (length > 1) return name == "pi" ? MakeSymbol("pi") : Function(name);
  // sympy's names for the constants.
  if (run == "I" && starred) return MakeSymbol("i");
  if (run == "E" && starred) return MakeSymbol("e");
  static constexpr std::string_view kFunctionLetters = "fghFGH";
  if (kFunctionLetters.find(name[0]) != std::string_view::npos && AtSymbol("(")) {
    return MakeExpr(ExprKind::kCall, CallArguments(), "f:" + name);
  }
  // P(5, 2) and C(5, 2) of numbers.
  const bool counted = run.size() == 1 && (name == "P" || name == "C") && AtSymbol("(") &&
                       Peek(1).kind == Kind::kNumber && Peek(2).IsSymbol(",") &&
                       Peek(3).kind == Kind::kNumber && Peek(4).IsSymbol(")");
  if (counted) return Constructed(name == "C" ? "binomial" : "permutations", CallArguments());
  return MakeSymbol(name);
}

ExprPtr Parser::Command() {
  const std::string name = Peek().text;
  ++at_;
  if (name == "frac") {
    const ExprPtr top = Argument(), bottom = Argument();
    return MakeExpr(ExprKind::kMul, {top, MakeExpr(ExprKind::kPower, {bottom, MakeNumber(-1)})});
  }
  if (name == "sqrt") return Peek().IsSymbol("(") ? Function(name) : Root();
  if (name == "binom" || name == "dbinom" || name == "tbinom") {
    const ExprPtr n = Argument(), k = Argument();
    return MakeExpr(ExprKind::kCall, {n, k}, "binomial");
  }
  if (name == "boxed" || name == "fbox") return Argument();
  if (name == "lim") return Limit();
  if (name == "sum" || name == "prod" || name == "int") return BigOperator(name);
  if (IsAccentCommand(name)) return Accent(name);
  if (!FunctionName(name).empty()) return Function(name);
  if (name == "infty" || name == "oo" || name == "inf" || name == "infinity") {
    return MakeSymbol("oo");
  }
  if (name == "emptyset" || name == "varnothing" || name == "EmptySet") {
    return MakeExpr(ExprKind::kSet, {});
  }
  static constexpr std::string_view kUnreadable[] = {"frac", "to",   "rightarrow", "color",
                                                     "pmod", "bmod", "mod"};
  if (std::find(std::begin(kUnreadable), std::end(kUnreadable), name) != std::end(kUnreadable)) {
    throw Unreadable{};
  }
  return MakeSymbol(name == "varepsilon" ? "epsilon" : name);
}

// What LaTeX takes as an argument: a group, or one digit, letter or command.
ExprPtr Parser::Argument() {
  const Level level(*this);
  if (AtSymbol("{")) return Braced();
  AnswerToken& token = tokens_[std::min(at_, tokens_.size() - 1)];
  if (AtEnd()) throw Unreadable{};
  if ((token.kind == Kind::kNumber || token.kind == Kind::kLetters) && token.text.size() > 1) {
    const std::string first = token.text.substr(0, 1);
    token.text = token.text.substr(1);
    token.spaced = false;
    if (token.text[0] == '.' || first == ".") throw Unreadable{};
    return token.kind == Kind::kNumber ? MakeNumber(mpq_class(first)) : MakeSymbol(first);
  }
  return Primary();
}

ExprPtr Parser::Root() {
  ExprPtr index;
  if (TakeSymbol("[")) {
    index = Sum();
    Expect("]");
  }
  const ExprPtr base = AtSymbol("{") ? Braced() : Primary();
  if (!index) return MakeExpr(ExprKind::kPower, {base, MakeNumber(mpq_class(1, 2))});
  return MakeExpr(ExprKind::kCall, {base, index}, "root");
}

// \overline{AB}: a name of its own, which is not the product AB.
ExprPtr Parser::Accent(const std::string& name) {
  const ExprPtr inner = Argument();
  // Vectors and segments are written with and without the mark.
  if (name == "vec" || name == "overrightarrow" || name == "overline" || name == "underline") {
    return inner;
  }
  return MakeExpr(ExprKind::kCall, {MakeSymbol(name), inner}, "index");
}

}  // namespace gradus
