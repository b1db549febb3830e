#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "trainer/collectives/gradient_layout.h"
#include "trainer/options.h"

namespace gradus {

// Sum of squares of each block of kBlock values (the last may be shorter), in double and in a fixed
// order.
std::vector<double> BlockSquares(std::span<const float> gradient);

// What one update applies to: equally long stretches of host memory.
struct AdamBuffers {
  std::span<float> values, first_moment, second_moment;
};

// One AdamW update with decoupled weight decay on the ranges `decayed` (sorted, relative to the
// buffers). `gradient` is scaled by `scale` first; `update` counts updates from 1. Plain IEEE
// operations, value by value: the same bits on every machine and however the buffers are cut.
void ApplyAdamW(const AdamBuffers& buffers, std::span<const float> gradient,
                std::span<const ParameterRange> decayed, const OptimizerOptions& options, double lr,
                double scale, std::uint64_t update);

}  // namespace gradus
