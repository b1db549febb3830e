#include "trainer/tree_sum.h"

#include <algorithm>
#include <cstddef>

#include "schemas/base/error.h"
#include "trainer/collectives.h"

namespace gradus {

LeafRange LeavesOf(int rank, int size, int leaves) {
  const int each = leaves / size, extra = leaves % size;
  const int first = rank * each + std::min(rank, extra);
  return {first, first + each + (rank < extra ? 1 : 0)};
}

int OwnerOfLeaf(int leaf, int size, int leaves) {
  const int each = leaves / size, extra = leaves % size;
  const int in_larger = extra * (each + 1);
  return leaf < in_larger ? leaf / (each + 1) : extra + (leaf - in_larger) / each;
}

void ReduceOverTree(std::vector<std::vector<float>>& local, int leaves, int rank, int size,
                    const PartialSumPipe& pipe) {
  const LeafRange mine = LeavesOf(rank, size, leaves);
  Require(leaves > 0 && local.size() == static_cast<std::size_t>(mine.last - mine.first),
          "TreeSum wants exactly the leaves of its rank");
  for (const auto& leaf : local)
    Require(leaf.size() == local[0].size(), "TreeSum leaves differ in length");
  const auto buffer = [&](int leaf) -> std::vector<float>& {
    return local[static_cast<std::size_t>(leaf - mine.first)];
  };

  for (int stride = 1; stride < leaves; stride *= 2) {
    for (int left = 0; left + stride < leaves; left += 2 * stride) {
      const int right = left + stride;
      const int left_owner = OwnerOfLeaf(left, size, leaves),
                right_owner = OwnerOfLeaf(right, size, leaves);
      if (left_owner == rank && right_owner == rank) {
        std::vector<float>& into = buffer(left);
        const std::vector<float>& from = buffer(right);
        for (std::size_t i = 0; i < into.size(); ++i) into[i] += from[i];
      } else if (right_owner == rank) {
        pipe.send(left_owner, buffer(right));
      } else if (left_owner == rank) {
        pipe.receive_and_add(right_owner, buffer(left));
      }
    }
  }
}

}  // namespace gradus
