#pragma once
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "schemas/verdict.h"
#include "verify/answers/expression/expr.h"
#include "verify/answers/expression/screen.h"

namespace gradus {

// What an issuer of a problem may allow beyond the rules of the grader.
struct Tolerance {
  std::optional<int> round_digits;  // Both sides are rounded to so many decimals.
  std::vector<double> absolute;     // One for each element of the gold, or one for all.
  bool relation_for_set = false;    // A predicted "2 < x < 3" may stand for a gold "(2, 3)".
  std::shared_ptr<Work> work = std::make_shared<Work>();  // What the whole comparison may spend.
};

// No slack at all, out of the same account.
inline Tolerance WithoutSlack(const Tolerance& tolerance) {
  return {{}, {}, false, tolerance.work};
}

// A judgement, and what algebra would have to show for the answers to be equal.
struct Comparison {
  Judgement judgement;
  std::vector<std::pair<ExprPtr, ExprPtr>> open;  // Pairs of scalars; empty when decided.
};

// Compares two answers by structure, the gold first: what it is decides what the other may be.
Comparison CompareAnswers(const ExprPtr& gold, const ExprPtr& predicted,
                          const Tolerance& tolerance);

// Compares two number-like values with their units, percent signs, bases and times of day
// (compare_quantity.cpp).
Comparison CompareScalars(const ExprPtr& gold, const ExprPtr& predicted,
                          const Tolerance& tolerance);

// Compares two number-like values without any of that (compare_scalar.cpp).
Comparison CompareBodies(const ExprPtr& gold, const ExprPtr& predicted, const Tolerance& tolerance);

// At least one side is a relation (compare_relation.cpp).
Comparison CompareWithRelation(const ExprPtr& gold, const ExprPtr& predicted,
                               const Tolerance& tolerance);

// Whether a prediction solves equations that the gold leaves unsolved: "x = 2, y = 1" for
// "x + y = 3, x - y = 1", "x = \pm 2" for "x^2 = 4". It must name all solutions. Nothing when the
// two are of another kind (compare_solutions.cpp).
std::optional<Comparison> CompareSolutions(const std::vector<ExprPtr>& equations,
                                           const ExprPtr& predicted, const Tolerance& tolerance);

// Values that depend on one whole number: "\pi/4 + k\pi" and "5\pi/4 + n\pi" are the same
// (compare_families.cpp).
struct Family {
  ExprPtr value;
  std::string parameter;
};
Comparison CompareFamilies(const Family& gold, const Family& predicted, const Tolerance& tolerance);

// The prediction with its constant of integration named as the gold's, C for c or c for C; the same
// pointer when it has none.
ExprPtr WithConstantOf(const Expr& gold, const ExprPtr& predicted);

Comparison FromScreen(Screened screened, const char* reason);

inline Comparison Decided(Verdict verdict, const char* reason) { return {{verdict, reason}, {}}; }

}  // namespace gradus
