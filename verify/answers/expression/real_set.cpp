#include <algorithm>
#include <cmath>
#include <optional>

#include "verify/answers/expression/sampled_value.h"
#include "verify/answers/expression/screen.h"

namespace gradus {
namespace {

using Member = std::optional<bool>;

std::optional<std::string> OnlyVariable(const Expr& expr) {
  std::optional<std::string> name;
  const bool two = AnyPart(expr, [&](const Expr& e) {
    if (!IsVariable(e)) return false;
    if (name && *name != e.name) return true;
    name = e.name;
    return false;
  });
  return two ? std::nullopt : name;
}

Member Holds(char op, long double left, long double right) {
  const bool finite = std::isfinite(left) && std::isfinite(right);
  const long double slack = finite ? 1e-13L * (1 + std::abs(left) + std::abs(right)) : 0;
  const bool same = left == right || std::abs(left - right) <= slack;
  switch (op) {
    case relation::kEqual:
      return same;
    case relation::kNotEqual:
      return !same;
    case relation::kLess:
      return !same && left < right;
    case relation::kGreater:
      return !same && left > right;
    case relation::kAtMost:
      return same || left < right;
    case relation::kAtLeast:
      return same || left > right;
    default:
      return {};
  }
}

Member Contains(const Expr& set, long double x, Work& work);

Member Fulfils(const Expr& relation, long double x, Work& work) {
  const auto name = OnlyVariable(relation);
  if (!name) return {};
  Point point;
  point.bound = {{*name, Ball(static_cast<double>(x))}};
  std::optional<long double> left;
  for (std::size_t i = 0; i < relation.parts.size(); ++i) {
    if (i > 0 && relation.name[i - 1] == relation::kIn) {
      const Member member = Contains(*relation.parts[i], x, work);
      if (!member || !*member) return member;
      continue;
    }
    const SampledValue s = Evaluate(*relation.parts[i], point, work);
    // Outside of its domain a condition does not hold.
    if (s.valid && !arb_contains_zero(s.ball.imag())) return false;
    if (!s.valid || !(s.ball.IsInfinite() || s.ball.IsSharp(80))) return {};
    const long double right = s.ball.Middle().real();
    if (i > 0) {
      const Member holds = Holds(relation.name[i - 1], *left, right);
      if (!holds || !*holds) return holds;
    }
    left = right;
  }
  return true;
}

Member Contains(const Expr& set, long double x, Work& work) {
  switch (set.kind) {
    case ExprKind::kTuple:  // An open interval, by its context.
    case ExprKind::kInterval: {
      if (set.parts.size() != 2) return {};
      const auto low = RealConstant(*set.parts[0]), high = RealConstant(*set.parts[1]);
      if (!low || !high) return {};
      const bool closed_low = set.kind == ExprKind::kInterval && set.name[0] == '[';
      const bool closed_high = set.kind == ExprKind::kInterval && set.name[1] == ']';
      const Member above = Holds(closed_low ? relation::kAtLeast : relation::kGreater, x, *low);
      const Member below = Holds(closed_high ? relation::kAtMost : relation::kLess, x, *high);
      return *above && *below;
    }
    case ExprKind::kSymbol:
      return set.name == "Reals" ? Member(true) : Member();
    case ExprKind::kList:  // "x = 1, x > 3": either.
    case ExprKind::kSet: {
      for (const ExprPtr& part : set.parts) {
        if (part->kind == ExprKind::kRelation || IsSetLike(*part)) {
          const Member member = Contains(*part, x, work);
          if (!member || *member) return member;
          continue;
        }
        const auto value = RealConstant(*part);
        if (!value) return {};
        if (*Holds(relation::kEqual, x, *value)) return true;
      }
      return false;
    }
    case ExprKind::kUnion:
    case ExprKind::kIntersection:
    case ExprKind::kDifference: {
      const Member a = Contains(*set.parts[0], x, work);
      if (!a || set.parts.size() < 2) return a;
      bool result = *a;
      for (std::size_t i = 1; i < set.parts.size(); ++i) {
        const Member b = Contains(*set.parts[i], x, work);
        if (!b) return {};
        if (set.kind == ExprKind::kUnion) result = result || *b;
        if (set.kind == ExprKind::kIntersection) result = result && *b;
        if (set.kind == ExprKind::kDifference) result = result && !*b;
      }
      return result;
    }
    case ExprKind::kRelation:
      return Fulfils(set, x, work);
    default:
      return {};
  }
}

// The numbers at which membership can change, as far as they are written down.
void CollectEnds(const Expr& expr, std::vector<long double>& ends) {
  if (IsScalar(expr)) {
    const auto value = RealConstant(expr);
    if (value && std::isfinite(*value)) {
      ends.push_back(*value);
      ends.push_back(-*value);
    }
  }
  for (const ExprPtr& part : expr.parts) CollectEnds(*part, ends);
}

std::vector<long double> TestPoints(const Expr& a, const Expr& b) {
  std::vector<long double> ends = {0};
  CollectEnds(a, ends);
  CollectEnds(b, ends);
  std::sort(ends.begin(), ends.end());
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
  if (ends.size() > 100) return {};
  std::vector<long double> points = {ends.front() - 1e6L, ends.back() + 1e6L};
  for (std::size_t i = 0; i < ends.size(); ++i) {
    const long double next = i + 1 < ends.size() ? ends[i + 1] : ends[i] + 1;
    const long double near = std::min(1e-4L * (1 + std::abs(ends[i])), (next - ends[i]) / 4);
    points.insert(points.end(), {ends[i], ends[i] - near, ends[i] + near, (ends[i] + next) / 2});
  }
  const long double width = ends.back() - ends.front() + 2;
  Random random(17);
  for (int i = 0; i < 100; ++i) {
    points.push_back(ends.front() - 1 + width * static_cast<long double>(random.Uniform()));
  }
  return points;
}

// Points at which an equation holds are met by chance only when they are written down.
bool HidesPoints(const Expr& expr) {
  return AnyPart(expr, [](const Expr& e) {
    if (e.kind != ExprKind::kRelation) return false;
    const bool equation = e.name.find_first_of("=!") != std::string::npos;
    const bool written =
        e.parts.size() == 2 && ((IsVariable(*e.parts[0]) && !HasVariables(*e.parts[1])) ||
                                (IsVariable(*e.parts[1]) && !HasVariables(*e.parts[0])));
    return equation && !written;
  });
}

}  // namespace

Screened ScreenSets(const Expr& a, const Expr& b, Work& work) {
  const std::vector<long double> points = TestPoints(a, b);
  int seen = 0;
  for (const long double x : points) {
    const Member in_a = Contains(a, x, work), in_b = Contains(b, x, work);
    if (!in_a || !in_b) continue;
    if (*in_a != *in_b) return Screened::kDiffer;
    ++seen;
  }
  const bool enough = seen > 0 && seen >= static_cast<int>(points.size()) * 9 / 10;
  return enough && !HidesPoints(a) && !HidesPoints(b) ? Screened::kAgree : Screened::kUnknown;
}

}  // namespace gradus
