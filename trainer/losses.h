#pragma once
#include <ATen/core/Tensor.h>

#include <vector>

#include "schemas/training_row.h"
#include "trainer/train.h"
#include "workers/policy/model.h"

namespace gradus {

// Tokens the loss of a row is taken over (the first token has no predecessor and never counts).
std::uint64_t CountTargets(const SftRow& row);

// Masked cross-entropy of the rows, summed and divided by `targets`: the supervised tokens of the
// whole step, so that leaves add up to the step's mean.
at::Tensor SupervisedLoss(const Model& model, const std::vector<const SftRow*>& rows,
                          double targets);

// Score of the last token of each side as the loss sees it: [2 · pairs], the chosen sides first.
at::Tensor PairScores(const Model& model, const std::vector<const PreferencePair*>& pairs,
                      bool tanh);

// Pairwise Bradley-Terry, rStar-Math eq. 4: Σ -log σ(r⁺ - r⁻) / (n_pos · n_neg), divided by
// `pairs_in_step` (paper: the expectation; 1 gives the released code's sum).
at::Tensor PreferenceLoss(const Model& model, const std::vector<const PreferencePair*>& pairs,
                          bool tanh, double pairs_in_step);

}  // namespace gradus
