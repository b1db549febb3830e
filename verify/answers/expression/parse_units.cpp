#include "verify/answers/expression/parser.h"
#include "verify/answers/tokens/characters.h"
#include "verify/answers/tokens/spelling.h"
#include "verify/answers/tokens/units.h"

namespace gradus {
namespace {

// A power that a word asks for in front of a unit, or "".
std::string PowerOfWord(std::string_view word) {
  return word == "square" || word == "sq" ? "^2" : word == "cubic" || word == "cu" ? "^3" : "";
}

}  // namespace

// A value may be followed by its unit: "5\text{ cm}^2", "3 apples", "$5 per hour". Behind a value
// with variables a unit must be in a text: "2x m" is a product.
ExprPtr Parser::WithUnit(const ExprPtr& value) {
  if (AtConnective() || !IsScalar(*value) || value->kind == ExprKind::kPercent) return value;
  const bool money = value->kind == ExprKind::kUnit;
  const std::string before = money ? value->name : "";
  const std::string unit = UnitText(before, !HasVariables(*value), 2);
  if (unit == before) return value;
  return MakeExpr(ExprKind::kUnit, {money ? value->parts[0] : value}, unit);
}

// "2 hours 30 minutes", "5 feet and 6 inches": whole parts of one quantity, each in a smaller unit.
ExprPtr Parser::WithSmallerUnit(const ExprPtr& value) {
  ExprPtr sum = value;
  for (std::string unit = value->name; sum->kind == ExprKind::kUnit;) {
    const std::size_t start = at_;
    const bool joined = AtSymbol(",") || (Peek().IsWord() && Peek().text == "and");
    if (joined) ++at_;
    if (Peek().kind != Kind::kNumber) {
      at_ = start;
      break;
    }
    const ExprPtr part = Factor();
    const std::string smaller = UnitText("", true, 1);
    const auto factor = smaller.empty() ? std::nullopt : ConversionOf(smaller, sum->name);
    const auto step = smaller.empty() ? std::nullopt : ConversionOf(smaller, unit);
    const bool fits = factor && step && step->scale < 1 && factor->offset == 0 &&
                      part->kind == ExprKind::kNumber && sum->parts[0]->kind == ExprKind::kNumber;
    if (!fits && !joined) throw Unreadable{};  // Two quantities side by side are no product.
    if (!fits) {
      at_ = start;
      break;
    }
    const mpq_class total = sum->parts[0]->value + part->value * factor->scale;
    sum = MakeExpr(ExprKind::kUnit, {MakeNumber(total)}, sum->name);
    unit = smaller;
  }
  return sum;
}

// What goes on from a unit: "" or "dollar" to "meter^2/second".
std::string Parser::UnitText(std::string name, bool letters, std::size_t shortest) {
  for (int words = 0; words < 8; ++words) {
    const std::size_t start = at_;
    const bool per = AtSymbol("/") || (Peek().IsWord() && Peek().text == "per");
    if (per) ++at_;
    const std::string power = Peek().IsWord() ? PowerOfWord(LowerCase(Peek().text)) : "";
    if (!power.empty()) ++at_;
    std::string word = UnitWord(letters || per, per ? 1 : shortest);
    if (word.empty() || (per && name.empty())) {
      at_ = start;
      break;
    }
    word += power + UnitPower();
    if (per) {
      name += "/" + word;
    } else if (word != name) {
      name += (name.empty() ? "" : ".") + word;
    }
  }
  return name;
}

// "^2" or "^{-1}" behind a unit.
std::string Parser::UnitPower() {
  if (!AtSymbol("^")) return "";
  ++at_;
  const bool braces = TakeSymbol("{"), negative = TakeSymbol("-");
  if (Peek().kind != Kind::kNumber || Peek().text.size() > 1) throw Unreadable{};
  const std::string power = (negative ? "^-" : "^") + Peek().text;
  ++at_;
  if (braces) Expect("}");
  return power;
}

// One word of a unit in its one spelling, or "". Runs of fewer letters than `shortest` are none.
std::string Parser::UnitWord(bool letters, std::size_t shortest) {
  const AnswerToken& token = Peek();
  const bool text = token.kind == Kind::kText;
  if (!text && (!letters || token.kind != Kind::kLetters)) return "";
  // A letter is a unit before another quantity: "1 m 20 cm".
  const bool letter = token.text.size() < shortest &&
                      !(token.spaced && Peek(1).kind == Kind::kNumber && Peek(1).spaced);
  if (AtConnective() || (!text && letter)) return "";
  const std::string lower = LowerCase(token.text);
  std::string name = lower == "am" || lower == "pm" ? lower : UnitName(token.text);
  if (name.empty()) name = CountedNoun(token.text);
  // "5 min" is a time, "5 min(2, 3)" a product.
  const bool function = !FunctionName(token.text).empty() && Peek(1).kind != Kind::kEnd;
  if (name.empty() || function) return "";
  ++at_;
  return name;
}

}  // namespace gradus
