#pragma once
#include <ATen/core/Tensor.h>

#include "trainer/data/record_layout.h"
#include "trainer/model/model.h"

namespace gradus {

struct LossOptions {
  bool tanh = true;        // Scores: tanh of the value head's output, or the raw output.
  double clip = 0.2;       // Policy gradient: ε of the ratio's range.
  bool recompute = false;  // See ForwardHidden.
};

// What one pack adds to a step.
struct PackLoss {
  at::Tensor value;   // Scalar.
  double flops = 0;   // See TrainingFlops.
  at::Tensor scores;  // Of pairs: see PairScores.
};

// Kernels: see objectives.h.

// Σ weight · -log p of the targets.
PackLoss TokenCrossEntropy(const Model& model, const RecordLayout& pack, const LossOptions& options,
                           double divisor);

// PPO's clipped surrogate (Schulman et al. 2017, eq. 7), token by token: with the ratio
// ρ = p / p_old and the advantage A of each target, Σ weight · -min(ρ A, clamp(ρ, 1 - ε, 1 + ε) A).
PackLoss ClippedPolicyGradient(const Model& model, const RecordLayout& pack,
                               const LossOptions& options, double divisor);

// The value head's output at the targets of records with two texts of one target each, [2 · pairs],
// the chosen sides first.
at::Tensor PairScores(const Model& model, const RecordLayout& pack, bool recompute = false);

// Pairs of such scores whose chosen side is higher, ties counting half. Waits for the device: not
// between forward and backward.
double PairsRight(const at::Tensor& scores);

// Both sides of the pairs of a pack, [2 · pairs] each, the chosen ones first.
struct PairSides {
  at::Tensor raw;     // PairScores.
  at::Tensor scores;  // The same or its tanh, as LossOptions say.
  at::Tensor weights, goals;
};
// A scalar: the sum over pairs.
using PairTerms = at::Tensor (*)(const PairSides& sides);
// Σ weight · -log σ(r⁺ - r⁻) over pairs, rStar-Math eq. 4.
at::Tensor BradleyTerryTerms(const PairSides& sides);
// Σ weight · (r - goal)² over sides: with Q as goals the PQM of rStar-Math's ablation.
at::Tensor RegressionTerms(const PairSides& sides);
// Σ weight · -log σ(±raw) over sides, + of the chosen ones: cross-entropy of an outcome.
at::Tensor OutcomeTerms(const PairSides& sides);

PackLoss PairLoss(PairTerms terms, const Model& model, const RecordLayout& pack,
                  const LossOptions& options, double divisor);
// The kernel of two scored positions.
template <PairTerms terms>
PackLoss Pairwise(const Model& model, const RecordLayout& pack, const LossOptions& options,
                  double divisor) {
  return PairLoss(terms, model, pack, options, divisor);
}

}  // namespace gradus
