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
  const auto consider = [&](const ExprPtr& a, const ExprPtr& b) {
    if (Rank(best) == 2) return;
    const bool lists = a && b && (a->kind != ExprKind::kNumber) && (b->kind != ExprKind::kNumber);
    if (!lists) return;
    Comparison other = CompareAnswers(a, b, tolerance);
    if (Rank(other) > Rank(best)) best = std::move(other);
  };
  if (gold.split) consider(gold.split, predicted.expr);
  if (predicted.split) consider(gold.expr, predicted.split);
  if (gold.split && predicted.split) consider(gold.split, predicted.split);
  return best;
}

// A gold that is one capital letter from A to J is an option of a multiple choice.
bool IsChoice(const Reading& gold) {
  return gold.choice != 0 && gold.expr && gold.expr->kind == ExprKind::kSymbol &&
         gold.expr->name.size() == 1 && gold.expr->name[0] >= 'A' && gold.expr->name[0] <= 'J';
}

Comparison GradeChoice(char gold, char predicted) {
  if (predicted == 0) return Decided(Verdict::kUnverifiable, "no-choice");
  return Decided(gold == predicted ? Verdict::kCorrect : Verdict::kWrong, "choice");
}

Comparison CompareReadings(const Reading& gold, const Reading& predicted,
                           const Tolerance& tolerance) {
  if (predicted.answer.empty()) return Decided(Verdict::kWrong, "no-answer");
  if (IsChoice(gold)) return GradeChoice(gold.choice, predicted.choice);
  // A gold that names its option with the value, "(B) 25", and the letter alone.
  if (gold.choice != 0 && gold.choice == predicted.choice && IsChoice(predicted)) {
    return Decided(Verdict::kCorrect, "choice");
  }
  if (!gold.normal.empty() && gold.normal == predicted.normal) {
    return Decided(Verdict::kCorrect, "same-text");
  }
  if (!gold.expr) return Decided(Verdict::kUnverifiable, "gold-unreadable");
  if (!predicted.expr) return Decided(Verdict::kUnverifiable, "prediction-unreadable");
  return BestComparison(gold, predicted, tolerance);
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
  const Comparison result = CompareReadings(gold.reading, reading, options.tolerance);
  const bool open = result.judgement.verdict == Verdict::kUnverifiable;
  return {result.judgement, open ? SympyProgram(result.open) : ""};
}

Judgement Grade(std::string_view gold, std::string_view predicted, const GradeOptions& options) {
  return GradeNatively(ReadGold(gold), predicted, options).judgement;
}

std::string ExtractAnswer(std::string_view text) {
  const Extracted found = ExtractFinalAnswer(text);
  const bool announced =
      found.rule == "boxed" || found.rule == "boxed-list" || found.rule == "answer-phrase";
  return announced ? std::string(UnwrapAnswer(found.answer)) : "";
}

std::string GraderVersion(GraderMode mode) {
  return std::string("gradus-grader 2, ") + ToString(mode);
}

}  // namespace gradus
