#include "verify/answers/compare_parts.h"

#include <algorithm>
#include <map>

#include "verify/answers/expression/shape.h"

namespace gradus {
namespace {

constexpr std::size_t kMaxPairs = 40000;  // Of parts of one answer with parts of the other.

// Tolerances may be given element by element.
Tolerance ToleranceOf(const Tolerance& tolerance, std::size_t element) {
  Tolerance own = tolerance;
  if (tolerance.absolute.size() > 1 && element < tolerance.absolute.size()) {
    own.absolute = {tolerance.absolute[element]};
  }
  return own;
}

void Absorb(Comparison& whole, Comparison part) {
  if (part.judgement.verdict == Verdict::kWrong) {
    whole = std::move(part);
    return;
  }
  if (part.judgement.verdict == Verdict::kCorrect) return;
  // One element that algebra cannot settle keeps the whole open for good.
  const bool hopeless = part.open.empty() ||
                        (whole.judgement.verdict == Verdict::kUnverifiable && whole.open.empty());
  if (whole.judgement.verdict == Verdict::kCorrect || hopeless) whole.judgement = part.judgement;
  whole.open.insert(whole.open.end(), part.open.begin(), part.open.end());
  if (hopeless) whole.open.clear();
}

std::size_t Size(const std::vector<ExprPtr>& exprs) {
  std::size_t size = 0;
  for (const ExprPtr& expr : exprs) size += 1 + Size(expr->parts);
  return size;
}

// A matching of all rows into columns along the allowed pairs (augmenting paths); the column's row
// in the result. Empty when there is none.
class Matching {
 public:
  explicit Matching(const std::vector<std::vector<bool>>& allowed)
      : allowed_(allowed), row_of_(allowed.size(), -1) {}

  std::vector<int> Find() {
    for (std::size_t row = 0; row < allowed_.size(); ++row) {
      visited_.assign(allowed_.size(), false);
      if (!Place(row)) return {};
    }
    return row_of_;
  }

 private:
  bool Place(std::size_t row) {
    for (std::size_t column = 0; column < allowed_.size(); ++column) {
      if (!allowed_[row][column] || visited_[column]) continue;
      visited_[column] = true;
      if (row_of_[column] < 0 || Place(static_cast<std::size_t>(row_of_[column]))) {
        row_of_[column] = static_cast<int>(row);
        return true;
      }
    }
    return false;
  }

  const std::vector<std::vector<bool>>& allowed_;
  std::vector<int> row_of_;
  std::vector<bool> visited_;
};

std::vector<ExprPtr> ValuesOf(const std::vector<NamedValue>& elements) {
  std::vector<ExprPtr> values;
  for (const NamedValue& element : elements) values.push_back(element.value);
  return values;
}

// Values by name, when every element has a name of its own.
std::map<std::string, ExprPtr> ByName(const std::vector<NamedValue>& elements) {
  std::map<std::string, ExprPtr> by_name;
  for (const NamedValue& element : elements) {
    if (element.name.empty() || !by_name.emplace(element.name, element.value).second) return {};
  }
  return by_name;
}

bool IsDots(const ExprPtr& expr) { return expr->kind == ExprKind::kSymbol && expr->name == "..."; }

bool IsOrdered(const Expr& expr) {
  return expr.kind == ExprKind::kTuple || expr.kind == ExprKind::kBracket;
}

// A set has each element once.
void DropRepeated(std::vector<ExprPtr>& values, const Tolerance& tolerance) {
  if (values.size() > 30) return;
  std::vector<ExprPtr> kept;
  for (const ExprPtr& value : values) {
    const bool repeated = std::any_of(kept.begin(), kept.end(), [&](const ExprPtr& other) {
      const Comparison same = CompareAnswers(value, other, WithoutSlack(tolerance));
      return same.judgement.verdict == Verdict::kCorrect;
    });
    if (!repeated) kept.push_back(value);
  }
  values = std::move(kept);
}

// "1, 2, ..., n" against "1, 2, 3, ..., n": the ends must agree, what is between is not spelled
// out.
Comparison CompareDotted(const std::vector<ExprPtr>& gold, const std::vector<ExprPtr>& predicted,
                         const Tolerance& tolerance) {
  const Comparison first = CompareAnswers(gold.front(), predicted.front(), tolerance);
  const Comparison last = CompareAnswers(gold.back(), predicted.back(), tolerance);
  if (first.judgement.verdict == Verdict::kWrong) return first;
  if (last.judgement.verdict == Verdict::kWrong) return last;
  if (gold.size() == predicted.size()) {
    Comparison whole = Decided(Verdict::kCorrect, "in-order");
    for (std::size_t i = 0; i < gold.size(); ++i) {
      if (IsDots(gold[i]) && IsDots(predicted[i])) continue;
      Absorb(whole, CompareAnswers(gold[i], predicted[i], tolerance));
      if (whole.judgement.verdict == Verdict::kWrong) return whole;
    }
    return whole;
  }
  return Decided(Verdict::kUnverifiable, "dots");
}

}  // namespace

Comparison CompareInOrder(const std::vector<ExprPtr>& gold, const std::vector<ExprPtr>& predicted,
                          const Tolerance& tolerance) {
  if (gold.size() != predicted.size()) return Decided(Verdict::kWrong, "length");
  Comparison whole = Decided(Verdict::kCorrect, "in-order");
  for (std::size_t i = 0; i < gold.size(); ++i) {
    Absorb(whole, CompareAnswers(gold[i], predicted[i], ToleranceOf(tolerance, i)));
    if (whole.judgement.verdict == Verdict::kWrong) break;
  }
  return whole;
}

Comparison MatchUnordered(const std::vector<ExprPtr>& gold, const std::vector<ExprPtr>& predicted,
                          const CompareElements& compare) {
  const std::size_t n = gold.size();
  if (n != predicted.size()) return Decided(Verdict::kWrong, "length");
  if (n > 1 && Size(gold) * Size(predicted) > kMaxPairs) {
    return Decided(Verdict::kUnverifiable, "too-many-elements");
  }
  std::vector<std::vector<Comparison>> all(n);
  std::vector<std::vector<bool>> equal(n, std::vector<bool>(n)), open = equal;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      all[i].push_back(compare(gold[i], predicted[j]));
      equal[i][j] = all[i][j].judgement.verdict == Verdict::kCorrect;
      open[i][j] = all[i][j].judgement.verdict != Verdict::kWrong;
    }
  }
  if (n == 1) return all[0][0];
  if (n == 0 || !Matching(equal).Find().empty()) return Decided(Verdict::kCorrect, "any-order");
  const std::vector<int> row_of = Matching(open).Find();
  if (row_of.empty()) return Decided(Verdict::kWrong, "any-order");
  Comparison whole = Decided(Verdict::kCorrect, "any-order");
  for (std::size_t j = 0; j < n; ++j) Absorb(whole, all[static_cast<std::size_t>(row_of[j])][j]);
  return whole;
}

Comparison CompareCollections(const ExprPtr& gold, const ExprPtr& predicted,
                              const Tolerance& tolerance) {
  const auto a = ElementsOf(gold), b = ElementsOf(predicted);
  auto values_a = ValuesOf(a), values_b = ValuesOf(b);
  const bool dots = std::any_of(values_a.begin(), values_a.end(), IsDots) ||
                    std::any_of(values_b.begin(), values_b.end(), IsDots);
  if (dots && !values_a.empty() && !values_b.empty()) {
    return CompareDotted(values_a, values_b, tolerance);
  }
  const auto names_a = ByName(a), names_b = ByName(b);
  const bool same_names =
      !names_a.empty() && names_a.size() == names_b.size() &&
      std::equal(names_a.begin(), names_a.end(), names_b.begin(),
                 [](const auto& x, const auto& y) { return x.first == y.first; });
  if (same_names) {
    std::vector<ExprPtr> x, y;
    for (const auto& [name, value] : names_a) x.push_back(value);
    for (const auto& [name, value] : names_b) y.push_back(value);
    return CompareInOrder(x, y, tolerance);
  }
  if (gold->kind == ExprKind::kSet) DropRepeated(values_a, tolerance);
  if (predicted->kind == ExprKind::kSet) DropRepeated(values_b, tolerance);
  const bool set = gold->kind == ExprKind::kSet || predicted->kind == ExprKind::kSet;
  const bool tuple = gold->kind == ExprKind::kTuple || predicted->kind == ExprKind::kTuple;
  if (set && tuple) return Decided(Verdict::kWrong, "different-kind");
  const bool ordered = tuple || (IsOrdered(*gold) && IsOrdered(*predicted));
  if (ordered) return CompareInOrder(values_a, values_b, tolerance);
  return MatchUnordered(values_a, values_b, [&](const ExprPtr& x, const ExprPtr& y) {
    // Which tolerance belongs to x: elements are few.
    const auto at = std::find(values_a.begin(), values_a.end(), x) - values_a.begin();
    return CompareAnswers(x, y, ToleranceOf(tolerance, static_cast<std::size_t>(at)));
  });
}

}  // namespace gradus
