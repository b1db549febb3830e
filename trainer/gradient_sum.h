#pragma once
#include <ATen/core/Tensor.h>

#include <functional>

#include "trainer/collectives/bucket_queue.h"
#include "trainer/collectives/collectives.h"
#include "trainer/collectives/partial_sums.h"
#include "trainer/model/flat_model.h"

namespace gradus {

// The gradient of one step after the other, summed over all leaves of all ranks. A leaf is folded
// into this rank's partial sums when its backward is over; those of the last leaf leave for their
// owners bucket by bucket, while backward still works on the others.
class GradientSum {
 public:
  GradientSum(Collectives& group, FlatModel& model, const GradientLayout& layout);
  ~GradientSum() { model_.OnGradient({}); }
  GradientSum(const GradientSum&) = delete;
  // The next of this rank's leaves, in order: `backward` adds its gradient to the model's gradient
  // buffer, in any number of passes, and calls `last_pass` before the last.
  void AddLeaf(int leaf,
               const std::function<void(const std::function<void()>& last_pass)>& backward);
  // The sum of the step [own shard], the same bits on any number of ranks; valid until the next.
  // REQUIRES: all own leaves were added.
  at::Tensor& Finish();

 private:
  void Release(std::size_t bucket);

  Collectives& group_;
  FlatModel& model_;
  const GradientLayout& layout_;
  LeafRange own_;
  PartialSums partials_;
  BucketQueue queue_;
  at::Tensor shard_;
};

}  // namespace gradus
