#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "trainer/model/flat_model.h"
#include "trainer/options.h"

namespace gradus {

// The AdamW update of ApplyAdamW by torch's fused kernel, for tensors on a GPU: equal up to
// rounding.
void ApplyFusedAdamW(const at::Tensor& masters, const at::Tensor& first_moment,
                     const at::Tensor& second_moment, const at::Tensor& gradient,
                     const std::vector<ParameterRange>& decayed, const OptimizerOptions& options,
                     double lr, double scale, std::uint64_t update);

// ZeRO-1 (Rajbhandari et al. 2020, stage 1): this rank's stretch of the flat buffer with its fp32
// master weights and AdamW moments. In fp32 the master weights are the model's own values.
class OptimizerShard {
 public:
  OptimizerShard(FlatModel& model, ParameterRange shard);
  ParameterRange range() const { return range_; }
  // See BlockSquares; `gradient` [shard] fp32.
  std::vector<double> Squares(const at::Tensor& gradient) const;
  // One AdamW update of the master weights and of the model's values of this shard. In host memory
  // by ApplyAdamW, on a GPU by torch's fused kernel.
  void Update(const at::Tensor& gradient, const OptimizerOptions& options, double lr, double scale,
              std::uint64_t update);
  // The master weights were changed from outside (loaded): the model's values follow.
  void CopyToModel();

  at::Tensor& masters() { return masters_; }  // [shard] fp32, as the two below.
  at::Tensor& first_moment() { return first_moment_; }
  at::Tensor& second_moment() { return second_moment_; }

 private:
  ParameterRange range_;
  std::vector<ParameterRange> decayed_;  // Relative to the shard.
  at::Tensor values_;                    // The model's, of this shard.
  at::Tensor masters_, first_moment_, second_moment_;
};

}  // namespace gradus
