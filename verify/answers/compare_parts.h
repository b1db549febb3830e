#pragma once
#include <functional>
#include <vector>

#include "verify/answers/compare.h"

namespace gradus {

// Element by element. One wrong element makes the whole wrong.
Comparison CompareInOrder(const std::vector<ExprPtr>& gold, const std::vector<ExprPtr>& predicted,
                          const Tolerance& tolerance);

// As multisets, by the given comparison of elements.
using CompareElements = std::function<Comparison(const ExprPtr&, const ExprPtr&)>;
Comparison MatchUnordered(const std::vector<ExprPtr>& gold, const std::vector<ExprPtr>& predicted,
                          const CompareElements& compare);

// Tuples, lists and sets: in order where the gold or the prediction is a tuple; by name where all
// elements have one; else in any order.
Comparison CompareCollections(const ExprPtr& gold, const ExprPtr& predicted,
                              const Tolerance& tolerance);

}  // namespace gradus
