#pragma once
#include "trainer/model/training_functions.h"

namespace gradus {

// The functions of training_functions.h by gradus's own kernels: float32 in host memory.
at::Tensor NormRowsOnCpu(const at::Tensor& x, const at::Tensor& weight, double eps);
at::Tensor GatedUnitOnCpu(const at::Tensor& gate, const at::Tensor& up);
at::Tensor AttendOnCpu(const at::Tensor& queries, const at::Tensor& keys, const at::Tensor& values,
                       const PackLayoutPtr& layout, const AttentionShape& shape);

}  // namespace gradus
