#include "verify/answers/grader.h"

#include <algorithm>

#include "schemas/base/error.h"
#include "verify/answers/modes.h"
#include "verify/answers/reading/extract.h"
#include "verify/answers/sympy_program.h"

namespace gradus {
namespace {

constexpr std::size_t kMaxLength = 1u << 17;
constexpr int kMaxWords = 4;  // Longer sentences are said in other words too often.

int Rank(const Comparison& comparison) {
  switch (comparison.judgement.verdict) {
    case Verdict::kCorrect:
      return 2;
    case Verdict::kUnverifiable:
      return 1;
    default:
      return 0;
  }
}

// "1,234" may be a number or a list: the reading under which the answers agree is the one meant.
Comparison BestComparison(const Reading& gold, const Reading& predicted,
                          const Tolerance& tolerance) {
  Comparison best = CompareAnswers(gold.expr, predicted.expr, tolerance);
  if (Rank(best) < 2 && gold.whole.size() == 1 && predicted.whole.size() == 1) {
    const Comparison families = CompareFamilies({gold.expr, gold.whole[0]},
                                                {predicted.expr, predicted.whole[0]}, tolerance);
    if (Rank(families) == 2) best = families;
  }
  // "100,200" may well be two numbers: the prediction must be written alike, or be the list.
  if (gold.listed && !predicted.listed) best = Decided(Verdict::kUnverifiable, "list-or-number");
  const auto consider = [&](const ExprPtr& a, const ExprPtr& b) {
    if (Rank(best) == 2) return;
    const bool lists = a && b && a->kind != ExprKind::kNumber && b->kind != ExprKind::kNumber;
    if (!lists) return;
    Comparison other = CompareAnswers(a, b, tolerance);
    if (Rank(other) > Rank(best)) best = std::move(other);
  };
  if (gold.split) consider(gold.split, predicted.expr);
  if (predicted.split) consider(gold.expr, predicted.split);
  if (gold.split && predicted.split) consider(gold.split, predicted.split);
  return best;
}

// A gold of capital letters from A to J names options of a multiple choice.
bool IsChoice(const Reading& gold) {
  return gold.options.bare && !gold.options.small && !gold.options.letters.empty();
}

Comparison GradeChoice(const Options& gold, const Options& predicted) {
  if (predicted.letters.empty()) return Decided(Verdict::kUnverifiable, "no-choice");
  const bool same = gold.letters == predicted.letters;
  return Decided(same ? Verdict::kCorrect : Verdict::kWrong, "choice");
}

// "3,14" for 3.14: a decimal comma, where the gold shows the same digits.
bool IsDecimalComma(const std::string& gold, const std::string& predicted) {
  const std::size_t comma = predicted.find(',');
  if (comma == std::string::npos || gold.find('.') != comma) return false;
  if (predicted.size() == comma + 4) return false;  // It may part thousands.
  std::string pointed = predicted;
  pointed[comma] = '.';
  return pointed == gold && gold.find_first_not_of("-0123456789.") == std::string::npos;
}

Comparison CompareReadings(const Reading& gold, const Reading& predicted,
                           const Tolerance& tolerance) {
  if (predicted.answer.empty()) return Decided(Verdict::kWrong, "no-answer");
  if (IsChoice(gold)) return GradeChoice(gold.options, predicted.options);
  // A gold that names its option with the value, "(B) 25", and the letter alone.
  if (!gold.options.letters.empty() && gold.options.letters == predicted.options.letters &&
      IsChoice(predicted)) {
    return Decided(Verdict::kCorrect, "choice");
  }
  if (!gold.normal.empty() && gold.normal == predicted.normal) {
    return Decided(Verdict::kCorrect, "same-text");
  }
  if (!gold.expr) return Decided(Verdict::kUnverifiable, "gold-unreadable");
  if (!predicted.expr) return Decided(Verdict::kUnverifiable, "prediction-unreadable");
  if (IsDecimalComma(gold.answer, predicted.answer)) {
    return Decided(Verdict::kCorrect, "decimal-comma");
  }
  const Comparison result = BestComparison(gold, predicted, tolerance);
  const ExprPtr renamed = WithConstantOf(*gold.expr, predicted.expr);
  if (renamed == predicted.expr || Rank(result) == 2) return result;
  return CompareAnswers(gold.expr, renamed, tolerance);
}

// Each comparison has an account of its own.
Tolerance WithOwnWork(const Tolerance& tolerance) {
  Tolerance own = tolerance;
  own.work = std::make_shared<Work>();
  return own;
}

}  // namespace

const char* ToString(GraderMode mode) {
  switch (mode) {
    case GraderMode::kRstarMath:
      return "rstar_math";
    case GraderMode::kTora:
      return "tora";
    case GraderMode::kHendrycks:
      return "hendrycks";
    default:
      return "strict";
  }
}

GraderMode ReadGraderMode(std::string_view name) {
  for (GraderMode mode :
       {GraderMode::kStrict, GraderMode::kRstarMath, GraderMode::kTora, GraderMode::kHendrycks}) {
    if (name == ToString(mode)) return mode;
  }
  Fail("no grader mode '{}': strict, rstar_math, tora or hendrycks", name);
}

GoldAnswer ReadGold(std::string_view text) {
  return {std::string(text), ReadAnswer(text.substr(0, kMaxLength), AnswerSide::kGold)};
}

std::string GoldProblem(const GoldAnswer& gold) {
  if (gold.reading.answer.empty()) return "empty";
  if (!gold.reading.expr) return "unreadable";
  const Expr& expr = *gold.reading.expr;
  const bool words = expr.kind == ExprKind::kText;
  if (words && std::count(expr.name.begin(), expr.name.end(), ' ') > kMaxWords) return "prose";
  // Without the short cut for equal texts: the structure itself must be comparable.
  if (IsChoice(gold.reading)) return "";
  const Comparison self = BestComparison(gold.reading, gold.reading, {});
  return self.judgement.verdict == Verdict::kCorrect ? "" : "differs from itself";
}

NativeGrade GradeNatively(const GoldAnswer& gold, std::string_view predicted,
                          const GradeOptions& options) {
  if (gold.reading.answer.empty()) return {{Verdict::kUnverifiable, "gold-unreadable"}, ""};
  if (predicted.size() > kMaxLength) return {{Verdict::kUnverifiable, "too-long"}, ""};
  if (options.mode != GraderMode::kStrict) {
    return {GradeByMode(options.mode, gold, predicted), ""};
  }
  if (gold.text == predicted) return {{Verdict::kCorrect, "identical"}, ""};
  const Reading reading = ReadAnswer(predicted, AnswerSide::kPredicted);
  const Comparison result = CompareReadings(gold.reading, reading, WithOwnWork(options.tolerance));
  const bool open = result.judgement.verdict == Verdict::kUnverifiable;
  return {result.judgement, open ? SympyProgram(result.open) : ""};
}

Judgement Grade(std::string_view gold, std::string_view predicted, const GradeOptions& options) {
  return GradeNatively(ReadGold(gold), predicted, options).judgement;
}

std::string ExtractAnswer(std::string_view text) {
  const Extracted found = ExtractFinalAnswer(text, Places::kAnnounced);
  return found.rule == "output" ? "" : std::string(UnwrapAnswer(found.answer));
}

std::string GraderVersion(GraderMode mode) {
  return std::string("gradus-grader 3, ") + ToString(mode);
}

}  // namespace gradus
