#include "trainer/collectives/gradient_layout.h"

#include "schemas/base/error.h"
#include "trainer/collectives/tree_sum.h"

namespace gradus {

GradientLayout LayOut(std::size_t parameters, int leaves, int ranks, std::size_t bucket) {
  Require(parameters > 0 && leaves > 0 && ranks > 0 && bucket > 0, "an empty gradient layout");
  GradientLayout layout;
  layout.parameters = parameters;
  layout.leaves = leaves;
  const std::size_t blocks = (parameters + kBlock - 1) / kBlock;
  for (int rank = 0; rank < ranks; ++rank) {
    const LeafRange own = LeavesOf(rank, ranks, static_cast<int>(blocks));
    layout.shards.push_back({std::min(parameters, static_cast<std::size_t>(own.first) * kBlock),
                             std::min(parameters, static_cast<std::size_t>(own.last) * kBlock)});
  }
  const std::size_t size = (bucket + kBlock - 1) / kBlock * kBlock;
  for (std::size_t last = parameters; last > 0;) {
    const std::size_t first = (last - 1) / size * size;
    layout.buckets.push_back({first, last});
    last = first;
  }
  return layout;
}

}  // namespace gradus
