#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "trainer/train.h"

namespace gradus {

// A stretch of the flat parameter buffer.
struct ParameterRange {
  std::size_t first = 0, last = 0;
};

// The optimiser's memory, one value per parameter.
struct AdamMoments {
  std::vector<float> first, second;
};

// Euclidean norm, summed in double in a fixed order.
double GradientNorm(std::span<const float> gradient);

// One AdamW update with decoupled weight decay on the ranges `decayed` (sorted). `gradient` is
// scaled by `scale` first; `update` counts updates from 1. Plain IEEE operations in a fixed order:
// the same bits on every machine and rank.
void ApplyAdamW(std::span<float> values, std::span<const float> gradient, AdamMoments& moments,
                std::span<const ParameterRange> decayed, const OptimizerOptions& options, double lr,
                double scale, std::uint64_t update);

}  // namespace gradus
