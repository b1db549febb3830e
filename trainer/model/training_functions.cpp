#include "trainer/model/training_functions.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/rms_norm.h>
#include <ATen/ops/silu.h>

#include "trainer/model/cpu_functions.h"
#include "trainer/model/device_attention.h"

namespace gradus {

at::Tensor NormRows(const at::Tensor& x, const at::Tensor& weight, double eps) {
  if (HasKernels(x)) return NormRowsOnCpu(x, weight, eps);
  return at::rms_norm(x, {x.size(-1)}, weight, eps);
}

at::Tensor GatedUnit(const at::Tensor& gate, const at::Tensor& up) {
  return HasKernels(gate) ? GatedUnitOnCpu(gate, up) : at::silu(gate) * up;
}

at::Tensor PackedAttention(const at::Tensor& queries, const at::Tensor& keys,
                           const at::Tensor& values, const PackLayoutPtr& layout,
                           const AttentionShape& shape) {
  return HasKernels(queries) ? AttendOnCpu(queries, keys, values, layout, shape)
                             : AttendOnDevice(queries, keys, values, *layout, shape);
}

}  // namespace gradus
