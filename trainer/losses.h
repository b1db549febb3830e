#pragma once
#include <ATen/core/Tensor.h>

#include <vector>

#include "schemas/training_row.h"
#include "trainer/model/model.h"
#include "trainer/train.h"

namespace gradus {

using SftRows = std::vector<const SftRow*>;
using Pairs = std::vector<const PreferencePair*>;

// Tokens the loss of a row is taken over (the first token has no predecessor and never counts).
std::uint64_t CountTargets(const SftRow& row);

// What one pack adds to a step.
struct PackLoss {
  at::Tensor value;   // Scalar.
  double flops = 0;   // See TrainingFlops.
  at::Tensor scores;  // Of pairs: see PairScores.
};

// Masked cross-entropy of the rows as one pack, summed and divided by `targets`: the supervised
// tokens of the whole step, so that packs and leaves add up to the step's mean. Recompute: see
// ForwardHidden.
PackLoss SupervisedLoss(const Model& model, const SftRows& rows, double targets,
                        bool recompute = false);

// The value head's output after the last token of each side, [2 · pairs], the chosen sides first.
// The pairs are one pack; what they share is computed once.
at::Tensor PairScores(const Model& model, const Pairs& pairs, bool recompute = false);

// Pairs of such scores whose chosen side is higher, ties counting half. Waits for the device: not
// between forward and backward.
double PairsRight(const at::Tensor& scores);

// What a pair counts in the mean of a step: 1 for bradley_terry; for the objectives on single
// sides 1 / n_neg of the chosen and 1 / n_pos of the rejected, so that a step counts once however
// many pairs it stands in.
double PairCount(PpmObjective objective, const PreferencePair& pair);

// The pairs' share of a step's loss, their terms divided by `count` (the step's sum of PairCount
// for a mean, 1 for a sum). With r the raw value or, where `tanh`, its tanh:
//   bradley_terry  Σ -log σ(r⁺ - r⁻) / (n_pos · n_neg), rStar-Math eq. 4;
//   pqm            Σ weighted (r - Q)² over both sides, Q the step's mean value from the search
//                  (the PQM of rStar-Math's ablation); of whole trajectories the outcome ±1;
//   orm            Σ weighted cross-entropy of σ(value) with the outcome of whole trajectories.
PackLoss PreferenceLoss(const Model& model, const Pairs& pairs, PpmObjective objective, bool tanh,
                        double count, bool recompute = false);

}  // namespace gradus
