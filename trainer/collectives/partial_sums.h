#pragma once
#include <ATen/core/Tensor.h>

#include <vector>

#include "trainer/collectives/gradient_layout.h"
#include "trainer/collectives/tree_sum.h"

namespace gradus {

// Partial sums of flat fp32 tensors over the fixed tree (see TreeCounter). Buffers are kept and
// used again; at most about log2(leaves) + 1 of them exist. A sum may arrive in stretches, in any
// order.
class PartialSums {
 public:
  // `first` is the buffer in which the root ends up; the others are like it.
  PartialSums(int leaves, at::Tensor first);
  // A new sum begins: nothing waits.
  void Clear() { counter_.Clear(); }
  // The sum of `node` arrives; Add gives its values, each stretch once.
  void Arrive(TreeNode node);
  // `values` [range.size()] are the arriving sum's at `range` of the buffer.
  void Add(const at::Tensor& values, ParameterRange range);
  // The waiting sums at `range`, left to right: views, which later arrivals overwrite.
  std::vector<at::Tensor> Waiting(ParameterRange range) const;
  std::size_t buffers() const { return buffers_.size(); }

 private:
  TreeCounter counter_;
  std::vector<at::Tensor> buffers_;  // Sum i of the waiting ones is in buffer i.
  std::size_t merges_ = 0;
};

}  // namespace gradus
