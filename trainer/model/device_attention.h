#pragma once
#include "trainer/model/training_functions.h"

namespace gradus {

// PackedAttention by ATen's operations, on any device and in any type.
at::Tensor AttendOnDevice(const at::Tensor& queries, const at::Tensor& keys,
                          const at::Tensor& values, const PackLayout& layout,
                          const AttentionShape& shape);

}  // namespace gradus
