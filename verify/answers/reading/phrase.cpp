#include "verify/answers/reading/phrase.h"

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "verify/answers/tokens/characters.h"

namespace gradus {
namespace {

using Kind = AnswerToken::Kind;
using Pair = std::pair<std::string_view, std::string_view>;

constexpr Pair kMeanings[] = {{"no solution", "{}"},
                              {"no solutions", "{}"},
                              {"no real solution", "{}"},
                              {"no real solutions", "{}"},
                              {"no root", "{}"},
                              {"no roots", "{}"},
                              {"no real root", "{}"},
                              {"no real roots", "{}"},
                              {"there is no solution", "{}"},
                              {"there are no solutions", "{}"},
                              {"there is no real solution", "{}"},
                              {"there are no real solutions", "{}"},
                              {"empty set", "{}"},
                              {"none", "{}"},
                              {"无解", "{}"},
                              {"空集", "{}"},
                              {"all real numbers", "R"},
                              {"all reals", "R"},
                              {"real numbers", "R"},
                              {"any real number", "R"},
                              {"every real number", "R"},
                              {"all real number", "R"},
                              {"undefined", "?"},
                              {"does not exist", "?"},
                              {"dne", "?"},
                              {"infinitely many solutions", "infinitely many"},
                              {"infinite", "infinitely many"},
                              {"infinite solutions", "infinitely many"},
                              {"infinite number of solutions", "infinitely many"},
                              {"there are infinitely many solutions", "infinitely many"},
                              {"there are infinitely many", "infinitely many"},
                              {"infinitely many of them", "infinitely many"},
                              {"monotonically increasing", "increasing"},
                              {"monotonically decreasing", "decreasing"},
                              {"monotone increasing", "increasing"},
                              {"monotone decreasing", "decreasing"},
                              {"northwards", "north"},
                              {"northward", "north"},
                              {"southwards", "south"},
                              {"southward", "south"},
                              {"eastwards", "east"},
                              {"eastward", "east"},
                              {"westwards", "west"},
                              {"westward", "west"},
                              {"due north", "north"},
                              {"due south", "south"},
                              {"due east", "east"},
                              {"due west", "west"},
                              {"yes it is", "yes"},
                              {"no it is not", "no"},
                              {"cannot be determined", "not enough information"}};

constexpr std::array<std::string_view, 12> kMonths = {
    "january", "february", "march",     "april",   "may",      "june",
    "july",    "august",   "september", "october", "november", "december"};

// 1 to 12, or 0; three letters are enough.
std::size_t MonthOf(const AnswerToken& token) {
  const std::string word = token.IsWord() ? LowerCase(token.text) : "";
  for (std::size_t i = 0; i < kMonths.size() && word.size() >= 3; ++i) {
    const bool short_form = word.size() == 3 || word == "sept";
    if (kMonths[i] == word || (short_form && kMonths[i].starts_with(word))) return i + 1;
  }
  return 0;
}

bool IsOrdinalEnding(const AnswerToken& token) {
  return token.text == "st" || token.text == "nd" || token.text == "rd" || token.text == "th";
}

std::string TwoDigits(std::size_t number) {
  return (number < 10 ? "0" : "") + std::to_string(number);
}

}  // namespace

ExprPtr MeaningOf(const std::vector<AnswerToken>& words) {
  std::string text;
  for (const AnswerToken& token : words) {
    if (!token.IsWord()) continue;
    const std::string word = LowerCase(token.text);
    if (word == "the" || word == "a" || word == "an") continue;
    text += (text.empty() ? "" : " ") + word;
  }
  for (const auto& [phrase, meaning] : kMeanings) {
    if (text != phrase) continue;
    if (meaning == "{}") return MakeExpr(ExprKind::kSet, {});
    if (meaning == "R") return MakeSymbol("Reals");
    if (meaning == "?") return MakeSymbol("zoo");
    text = meaning;
    break;
  }
  return MakeExpr(ExprKind::kText, {}, text);
}

ExprPtr DayOf(const std::vector<AnswerToken>& tokens) {
  std::size_t month = 0;
  std::vector<std::string> numbers;
  for (const AnswerToken& token : tokens) {
    if (token.kind == Kind::kNumber && token.text.size() <= 4) {
      numbers.push_back(token.text);
    } else if (const std::size_t named = MonthOf(token); named > 0 && month == 0) {
      month = named;
    } else if (token.kind == Kind::kText && IsDigit(token.text[0]) && tokens.size() == 1) {
      return MakeExpr(ExprKind::kText, {}, token.text);
    } else if (!IsOrdinalEnding(token) && !token.IsSymbol(",") && token.text != "of" &&
               token.text != "the") {
      return nullptr;
    }
  }
  // A month alone is a word, a month with one number either a day or a year.
  if (month == 0 || numbers.empty() || numbers.size() > 2) return nullptr;
  if (numbers[0].find('.') != std::string::npos || numbers[0].size() > 2) return nullptr;
  const std::string day =
      TwoDigits(month) + "-" + TwoDigits(static_cast<std::size_t>(std::stoi(numbers[0])));
  if (numbers.size() == 1) return MakeExpr(ExprKind::kText, {}, day);
  if (numbers[1].size() != 4 || numbers[1].find('.') != std::string::npos) return nullptr;
  return MakeExpr(ExprKind::kText, {}, numbers[1] + "-" + day);
}

}  // namespace gradus
