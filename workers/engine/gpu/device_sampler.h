#pragma once
#include <ATen/core/Tensor.h>

#include <vector>

#include "workers/engine/engine.h"

namespace gradus {

// One token to draw. The same uniform number gives the same token as TokenSampler does, rounding
// aside.
struct DrawOrder {
  SamplingOptions sampling;
  double uniform = 0.5;  // In (0, 1).
};

// Draws tokens on the device that `logits` is on, without waiting for it: one per row.
struct DeviceDraws {
  at::Tensor ids;       // int64 [N].
  at::Tensor logprobs;  // float32 [N]: natural log, of the distribution at temperature 1.
};

// The drawing of N tokens, its parameters on the device.
class DrawPlan {
 public:
  DrawPlan(const std::vector<DrawOrder>& orders, at::Device device);
  // logits: float32 [N, vocabulary].
  DeviceDraws Draw(const at::Tensor& logits) const;

 private:
  at::Tensor Sampled(const at::Tensor& logits) const;
  at::Tensor SampledFromSorted(const at::Tensor& logits) const;

  bool any_greedy_ = false, any_sampled_ = false, any_filtered_ = false;
  // float64 [N, 1] each.
  at::Tensor greedy_, uniform_, top_p_, min_p_;
  at::Tensor temperature_;  // 1 where greedy.
  at::Tensor top_k_;        // The largest number: off.
};

}  // namespace gradus
