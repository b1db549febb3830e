#include "verify/rational.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <string_view>
#include <utility>

namespace gradus {
namespace {

using Kind = AnswerToken::Kind;

constexpr int kMaxDepth = 40;
constexpr std::size_t kMaxTokens = 400;
constexpr std::size_t kMaxDigits = 20000;
constexpr long kMaxExponent = 10000;        // Of scientific notation.
constexpr std::size_t kMaxBits = 1u << 17;  // Of a numerator or denominator.

// Words behind a number that change its value or make it no number: never units.
constexpr std::array<std::string_view, 32> kNotUnits = {
    "pi",    "sqrt",   "sin",    "cos",     "tan",   "cot",   "sec",  "csc",
    "log",   "ln",     "exp",    "oo",      "inf",   "or",    "and",  "to",
    "mod",   "dozen",  "dozens", "hundred", "half",  "times", "pair", "pairs",
    "score", "choose", "over",   "plus",    "minus", "less",  "more", "trillion"};
constexpr std::array<std::pair<std::string_view, long>, 3> kMultiples = {
    {{"thousand", 1000}, {"million", 1000000}, {"billion", 1000000000}}};

std::size_t Bits(const mpq_class& q) {
  return std::max(mpz_sizeinbase(q.get_num_mpz_t(), 2), mpz_sizeinbase(q.get_den_mpz_t(), 2));
}

mpz_class PowerOfTen(long exponent) {
  mpz_class power;
  mpz_ui_pow_ui(power.get_mpz_t(), 10, static_cast<unsigned long>(exponent));
  return power;
}

std::optional<mpq_class> FromLiteral(const std::string& text) {
  const std::size_t e = text.find('e');
  std::string digits = text.substr(0, e);
  if (digits.size() > kMaxDigits) return std::nullopt;
  long exponent = 0;
  if (e != std::string::npos) {
    if (text.size() - e > 8) return std::nullopt;
    exponent = std::strtol(text.c_str() + e + 1, nullptr, 10);
  }
  if (std::labs(exponent) > kMaxExponent) return std::nullopt;
  const std::size_t point = digits.find('.');
  if (point != std::string::npos) {
    exponent -= static_cast<long>(digits.size() - point - 1);
    digits.erase(point, 1);
  }
  mpq_class value;
  value.get_num() = mpz_class(digits.empty() ? "0" : digits, 10);
  if (exponent > 0) value *= PowerOfTen(exponent);
  if (exponent < 0) value /= PowerOfTen(-exponent);
  return value;
}

// Recursive descent with a bound on depth; every rule returns nothing as soon as the text is no
// number.
class Parser {
 public:
  using Value = std::optional<mpq_class>;
  explicit Parser(const std::vector<AnswerToken>& tokens) : tokens_(tokens) {}

  std::size_t position() const { return at_; }
  void Skip(std::size_t count) { at_ += count; }
  bool AtEnd() const { return at_ >= tokens_.size(); }
  const AnswerToken* Next(std::size_t ahead = 0) const {
    return at_ + ahead < tokens_.size() ? &tokens_[at_ + ahead] : nullptr;
  }
  bool NextIs(std::string_view symbol, std::size_t ahead = 0) const {
    return Next(ahead) && Next(ahead)->IsSymbol(symbol);
  }
  bool NextIsKind(Kind kind, std::size_t ahead = 0) const {
    return Next(ahead) && Next(ahead)->kind == kind;
  }

  Value Sum() {
    if (++depth_ > kMaxDepth) return std::nullopt;
    Value sum = Product();
    while (sum && (NextIs("+") || NextIs("-"))) {
      const bool minus = tokens_[at_++].text == "-";
      const Value term = Product();
      if (!term) return std::nullopt;
      sum = Bounded(minus ? mpq_class(*sum - *term) : mpq_class(*sum + *term));
    }
    --depth_;
    return sum;
  }

 private:
  static Value Bounded(mpq_class value) {
    if (Bits(value) > kMaxBits) return std::nullopt;
    return value;
  }

  Value Product() {
    Value product = Signed();
    while (product && (NextIs("*") || NextIs("/"))) {
      const bool divide = tokens_[at_++].text == "/";
      const Value factor = Signed();
      if (!factor || (divide && *factor == 0)) return std::nullopt;
      product = Bounded(divide ? mpq_class(*product / *factor) : mpq_class(*product * *factor));
    }
    return product;
  }

  Value Signed() {
    bool minus = false;
    for (; NextIs("-") || NextIs("+"); ++at_) minus ^= NextIs("-");
    if (NextIs("$")) ++at_;
    Value value = Power();
    if (value && minus) *value = -*value;
    return value;
  }

  Value Power() {
    if (auto mixed = Mixed()) return mixed;
    Value base = Atom();
    if (!base || !NextIs("^")) return base;
    ++at_;
    if (++depth_ > kMaxDepth) return std::nullopt;
    const Value exponent = Signed();
    --depth_;
    return exponent ? Raise(*base, *exponent) : std::nullopt;
  }

  static Value Raise(const mpq_class& base, const mpq_class& exponent) {
    if (exponent.get_den() != 1 || !exponent.get_num().fits_slong_p()) return std::nullopt;
    const long n = exponent.get_num().get_si();
    const auto size = static_cast<unsigned long>(std::labs(n));
    if (size > kMaxBits || Bits(base) * size > kMaxBits) return std::nullopt;
    if (base == 0 && n <= 0) return std::nullopt;
    mpq_class power;
    mpz_pow_ui(power.get_num_mpz_t(), base.get_num_mpz_t(), size);
    mpz_pow_ui(power.get_den_mpz_t(), base.get_den_mpz_t(), size);
    return n < 0 ? mpq_class(1 / power) : power;
  }

  // "2\frac{1}{2}" and "7 3/4": an integer and a fraction side by side are added.
  Value Mixed() {
    const std::size_t start = at_;
    if (Value whole = Integer()) {
      if (NextIsKind(Kind::kCommand) && Next()->text == "frac") {
        const Value part = Atom();
        return part ? Value(*whole + *part) : std::nullopt;
      }
      if (NextIsKind(Kind::kNumber) && Next()->after_space && NextIs("/", 1) &&
          NextIsKind(Kind::kNumber, 2)) {
        const Value top = Integer();
        ++at_;
        const Value bottom = Integer();
        if (top && bottom && *bottom != 0) return *whole + *top / *bottom;
      }
    }
    at_ = start;
    return std::nullopt;
  }

  Value Integer() {
    if (!NextIsKind(Kind::kNumber)) return std::nullopt;
    const std::string& text = Next()->text;
    if (text.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
    ++at_;
    return FromLiteral(text);
  }

  Value Atom() {
    if (AtEnd()) return std::nullopt;
    const AnswerToken& token = tokens_[at_++];
    if (token.kind == Kind::kNumber) return FromLiteral(token.text);
    if (token.IsSymbol("(")) return Enclosed(")");
    if (token.IsSymbol("{")) return Enclosed("}");
    if (token.Is(Kind::kCommand, "frac")) {
      const Value top = Argument(), bottom = Argument();
      if (!top || !bottom || *bottom == 0) return std::nullopt;
      return Bounded(*top / *bottom);
    }
    if (token.Is(Kind::kCommand, "sqrt") || token.Is(Kind::kWord, "sqrt")) return Root(Argument());
    return std::nullopt;
  }

  Value Enclosed(std::string_view close) {
    Value inner = Sum();
    if (!inner || !NextIs(close)) return std::nullopt;
    ++at_;
    return inner;
  }

  // Of \frac and \sqrt: a group, or the single digit that TeX would take.
  Value Argument() {
    if (NextIs("{") || NextIs("(")) return Atom();
    if (!NextIsKind(Kind::kNumber)) return std::nullopt;
    const std::string& text = Next()->text;
    if (split_ >= text.size() || text.find_first_not_of("0123456789") != std::string::npos) {
      return std::nullopt;
    }
    const mpq_class digit(text[split_++] - '0');
    if (split_ == text.size()) {
      split_ = 0;
      ++at_;
    }
    return digit;
  }

  static Value Root(const Value& square) {
    if (!square || *square < 0) return std::nullopt;
    if (!mpz_perfect_square_p(square->get_num_mpz_t()) ||
        !mpz_perfect_square_p(square->get_den_mpz_t())) {
      return std::nullopt;
    }
    mpq_class root;
    root.get_num() = sqrt(square->get_num());
    root.get_den() = sqrt(square->get_den());
    return root;
  }

  const std::vector<AnswerToken>& tokens_;
  std::size_t at_ = 0;
  std::size_t split_ = 0;  // Digits already taken from the number at `at_`: "\frac12".
  int depth_ = 0;
};

std::string LowerCase(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

// A word that can be a unit, in the singular; "" when it cannot.
std::string UnitOf(const AnswerToken& token) {
  std::string word = LowerCase(token.text);
  const bool text = token.kind == Kind::kText;
  if (token.kind != Kind::kWord && !text) return "";
  // "2x" is no number with a unit; "2 \\text{x}" may be.
  if (!text && word.size() == 1) return "";
  if (word.find_first_of("0123456789") != std::string::npos) return "";
  if (std::find(kNotUnits.begin(), kNotUnits.end(), word) != kNotUnits.end()) return "";
  if (word.size() > 3 && word.back() == 's') word.pop_back();
  return word;
}

long MultipleOf(const AnswerToken& token) {
  if (token.kind != Kind::kWord && token.kind != Kind::kText) return 0;
  const std::string word = LowerCase(token.text);
  for (const auto& [name, factor] : kMultiples) {
    if (name == word) return factor;
  }
  return 0;
}

// One token behind the number: percent sign, currency, multiple, unit. False when it is something
// else.
bool ReadTailToken(Parser& parser, NumberAnswer& number) {
  const AnswerToken& token = *parser.Next();
  parser.Skip(1);
  if (token.IsSymbol("$")) return true;
  if (token.IsSymbol("%")) return number.percent = true;
  if (const long factor = MultipleOf(token); factor > 0 && number.unit.empty()) {
    number.value *= factor;
    return true;
  }
  if (token.IsSymbol("^") && !number.unit.empty() && parser.NextIsKind(Kind::kNumber) &&
      parser.Next()->text.size() == 1) {
    number.unit += "^" + parser.Next()->text;
    parser.Skip(1);
    return true;
  }
  const std::string unit = token.IsSymbol("°") ? "degree" : UnitOf(token);
  if (unit == "percent") return number.percent = true;
  number.unit += unit;
  return !unit.empty();
}

// Significant digits of the answer's only literal when that is a decimal, else 0.
int DigitsOfDecimal(const std::vector<AnswerToken>& tokens) {
  const AnswerToken* literal = nullptr;
  for (const AnswerToken& token : tokens) {
    if (token.kind != Kind::kNumber) continue;
    if (literal) return 0;
    literal = &token;
  }
  if (!literal || literal->text.find('.') == std::string::npos) return 0;
  int digits = 0;
  for (char c : literal->text.substr(0, literal->text.find('e'))) {
    if (c >= '0' && c <= '9' && (digits > 0 || c != '0')) ++digits;
  }
  return digits;
}

}  // namespace

std::optional<NumberAnswer> ReadNumber(const std::vector<AnswerToken>& tokens) {
  if (tokens.empty() || tokens.size() > kMaxTokens) return std::nullopt;
  NumberAnswer number;
  Parser parser(tokens);
  if (tokens[0].kind == Kind::kWord && tokens[0].text.size() == 1 && parser.NextIs("=", 1)) {
    number.variable = tokens[0].text;
    parser.Skip(2);
  }
  const auto value = parser.Sum();
  if (!value) return std::nullopt;
  number.value = *value;
  number.significant_digits = DigitsOfDecimal(tokens);
  while (!parser.AtEnd()) {
    if (!ReadTailToken(parser, number)) return std::nullopt;
  }
  return number;
}

}  // namespace gradus
