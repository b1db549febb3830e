#pragma once
#include <optional>
#include <utility>
#include <vector>

#include "schemas/verdict.h"
#include "verify/answers/expression/expr.h"

namespace gradus {

// What an issuer of a problem may allow beyond the rules of the grader.
struct Tolerance {
  std::optional<int> round_digits;  // Both sides are rounded to so many decimals.
  std::vector<double> absolute;     // One for each element of the gold, or one for all.
  bool relation_for_set = false;    // A predicted "2 < x < 3" may stand for a gold "(2, 3)".
};

// A judgement, and what algebra would have to show for the answers to be equal.
struct Comparison {
  Judgement judgement;
  std::vector<std::pair<ExprPtr, ExprPtr>> open;  // Pairs of scalars; empty when decided.
};

// Compares two answers by structure, the gold first: what it is decides what the other may be.
Comparison CompareAnswers(const ExprPtr& gold, const ExprPtr& predicted,
                          const Tolerance& tolerance);

// Compares two number-like values (compare_scalar.cpp).
Comparison CompareScalars(const ExprPtr& gold, const ExprPtr& predicted,
                          const Tolerance& tolerance);

inline Comparison Decided(Verdict verdict, const char* reason) { return {{verdict, reason}, {}}; }

}  // namespace gradus
