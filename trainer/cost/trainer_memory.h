#pragma once
#include <string>

#include "trainer/collectives/tree_sum.h"
#include "trainer/options.h"

namespace gradus {

// What one rank's buffers are made of.
struct MemoryPlan {
  std::size_t parameters = 0;
  Precision precision = Precision::kFp32;
  std::size_t shard = 0;  // Parameters of the rank's optimizer shard.
  int leaves = 0;
  LeafRange own;      // The rank's leaves.
  bool best = false;  // The best evaluation's weights are kept.
};

// Bytes, in the order of the data flow.
struct TrainerMemory {
  double values = 0, gradient = 0, partial_sums = 0, shard = 0;
  double Total() const { return values + gradient + partial_sums + shard; }
};
TrainerMemory MemoryOf(const MemoryPlan& plan);

// One line with the terms and their sum.
std::string Describe(const MemoryPlan& plan);

// Of this process, as the kernel counts it; 0 where it does not say.
double ResidentBytes();

}  // namespace gradus
