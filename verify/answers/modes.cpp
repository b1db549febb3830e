#include "verify/answers/modes.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <vector>

#include "verify/answers/expression/sampled_value.h"
#include "verify/answers/reading/extract.h"
#include "verify/answers/tokens/characters.h"

namespace gradus {
namespace {

constexpr double kRelative = 1e-4, kSymbolicRelative = 1e-3;

enum class Percent { kKeep, kDivide };

// A plain number in the sense of Python's float().
std::optional<double> PlainNumber(std::string text, Percent percent) {
  std::erase(text, ',');
  double scale = 1;
  if (percent == Percent::kDivide && text.ends_with('%')) {
    text.pop_back();
    if (text.ends_with('\\')) text.pop_back();
    scale = 0.01;
  }
  std::string_view digits = Trim(text);
  if (digits.starts_with('+')) digits.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size() || digits.empty()) return {};
  return value * scale;
}

// The factor-100 rule: a percentage may be meant on either side.
bool CloseUpToPercent(double gold, double predicted) {
  for (const double reference : {gold, gold / 100, gold * 100}) {
    if (std::abs(predicted - reference) <= kRelative * std::abs(reference)) return true;
  }
  return false;
}

std::string WithoutBrackets(std::string text, std::string_view brackets) {
  std::erase_if(text, [&](char c) { return brackets.find(c) != std::string_view::npos; });
  return text;
}

std::vector<std::string> SplitAtCommas(std::string_view text) {
  std::vector<std::string> parts;
  for (;;) {
    const std::size_t comma = text.find(',');
    parts.emplace_back(Trim(text.substr(0, comma)));
    if (comma == std::string_view::npos) return parts;
    text.remove_prefix(comma + 1);
  }
}

bool IsBracketed(std::string_view text, std::string_view kinds) {
  return text.size() > 1 && text.front() == kinds[0] && text.back() == kinds[1];
}

// What the originals leave to sympy.
Judgement ByReading(const std::string& gold, const std::string& predicted) {
  const Reading a = ReadAnswer(gold, AnswerSide::kGold),
                b = ReadAnswer(predicted, AnswerSide::kPredicted);
  if (!a.expr || !b.expr) return {Verdict::kWrong, "unreadable"};
  const Judgement strict = CompareAnswers(a.expr, b.expr, {}).judgement;
  if (strict.verdict != Verdict::kWrong) return strict;
  const auto x = RealConstant(*a.expr), y = RealConstant(*b.expr);
  if (x && y && std::abs(*x - *y) <= kSymbolicRelative * std::abs(*x)) {
    return {Verdict::kCorrect, "numeric"};
  }
  return strict;
}

struct TextRules {
  Percent percent;
  bool any_brackets;  // (a, b) may stand for [a, b].
};

Judgement CompareTexts(const std::string& gold, const std::string& predicted,
                       const TextRules& rules, int depth) {
  if (LowerCase(gold) == LowerCase(predicted)) return {Verdict::kCorrect, "same-text"};
  const auto x = PlainNumber(gold, rules.percent), y = PlainNumber(predicted, rules.percent);
  if (x && y) {
    return {CloseUpToPercent(*x, *y) ? Verdict::kCorrect : Verdict::kWrong, "relative-1e-4"};
  }
  if (predicted.empty()) return {Verdict::kWrong, "no-answer"};
  const bool square = IsBracketed(gold, "[]") && IsBracketed(predicted, "[]");
  const bool round = IsBracketed(gold, "()") && IsBracketed(predicted, "()");
  const bool mixed = (IsBracketed(gold, "[]") && IsBracketed(predicted, "()")) ||
                     (IsBracketed(gold, "()") && IsBracketed(predicted, "[]"));
  const bool kinds_differ = gold.starts_with('[') != predicted.starts_with('[');
  const std::string_view drop = kinds_differ && !rules.any_brackets ? "{}()" : "{}()[]";
  if (WithoutBrackets(gold, drop) == WithoutBrackets(predicted, drop)) {
    return {Verdict::kCorrect, "same-text"};
  }
  if ((square || round || (mixed && rules.any_brackets)) && depth < 8) {
    const auto a = SplitAtCommas(std::string_view(gold).substr(1, gold.size() - 2));
    const auto b = SplitAtCommas(std::string_view(predicted).substr(1, predicted.size() - 2));
    bool all = a.size() == b.size() && a.size() > 1 && a.size() < 100;
    for (std::size_t i = 0; all && i < a.size(); ++i) {
      all = CompareTexts(a[i], b[i], rules, depth + 1).verdict == Verdict::kCorrect;
    }
    if (all) return {Verdict::kCorrect, "elementwise"};
  }
  return ByReading(gold, predicted);
}

Judgement GradeTora(std::string_view gold, std::string_view predicted) {
  const std::string a = ToraNormalForm(gold), b = ToraNormalForm(predicted);
  return CompareTexts(a, b, {Percent::kKeep, false}, 0);
}

char LastOption(std::string_view text) {
  for (std::size_t i = text.size(); i-- > 0;) {
    const bool alone =
        (i == 0 || !IsLetter(text[i - 1])) && (i + 1 == text.size() || !IsLetter(text[i + 1]));
    if (alone && text[i] >= 'A' && text[i] <= 'E') return text[i];
  }
  return 0;
}

Judgement GradeRstarMath(std::string_view gold, std::string_view predicted) {
  const std::string_view g = UnwrapAnswer(gold);
  if (g.size() == 1 && g[0] >= 'A' && g[0] <= 'E') {
    const bool same = LastOption(predicted) == g[0];
    return {same ? Verdict::kCorrect : Verdict::kWrong, "choice"};
  }
  const std::string a = ToraNormalForm(gold), b = ToraNormalForm(predicted);
  // The percent sign of a plain number counts here, before the normal form drops it.
  const auto x = PlainNumber(std::string(g), Percent::kDivide);
  const auto y = PlainNumber(std::string(UnwrapAnswer(predicted)), Percent::kDivide);
  if (x && y) {
    return {CloseUpToPercent(*x, *y) ? Verdict::kCorrect : Verdict::kWrong, "relative-1e-4"};
  }
  return CompareTexts(a, b, {Percent::kDivide, true}, 0);
}

}  // namespace

Judgement GradeByMode(GraderMode mode, const GoldAnswer& gold, std::string_view predicted) {
  std::string_view reference = gold.text;
  std::string boxed_gold, boxed;
  if (gold.text.find("boxed") != std::string::npos) {
    boxed_gold = ExtractFinalAnswer(gold.text, Places::kAnywhere).answer;
    reference = boxed_gold;
  }
  if (predicted.find("boxed") != std::string_view::npos) {
    boxed = ExtractFinalAnswer(predicted, Places::kAnywhere).answer;
    predicted = boxed;
  }
  if (mode == GraderMode::kHendrycks) {
    const bool same = HendrycksNormalForm(reference) == HendrycksNormalForm(predicted);
    return {same ? Verdict::kCorrect : Verdict::kWrong, "same-text"};
  }
  if (mode == GraderMode::kTora) return GradeTora(reference, predicted);
  return GradeRstarMath(reference, predicted);
}

}  // namespace gradus
