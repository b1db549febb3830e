#pragma once
#include <ATen/core/Tensor.h>
#include <torch/custom_class.h>

#include <vector>

#include "trainer/model/packed_tokens.h"
#include "trainer/model/segment_attention.h"

namespace gradus {

// Differentiable pieces of a decoder over packed tokens. Float32 on CPU runs gradus's own kernels,
// anything else ATen's; both give the same numbers up to rounding.
inline bool HasKernels(const at::Tensor& x) { return x.is_cpu() && x.scalar_type() == at::kFloat; }

// x / rms(x) · weight over the last dimension.
at::Tensor NormRows(const at::Tensor& x, const at::Tensor& weight, double eps);

// silu(gate) · up, [rows, size] each.
at::Tensor GatedUnit(const at::Tensor& gate, const at::Tensor& up);

// What all layers of one forward pass share: where texts begin and how rows turn.
struct PackLayout : torch::CustomClassHolder {
  std::vector<Segment> segments;
  Rotations rotations;
  at::Tensor cos, sin;  // The rotations as [tokens, 1, dims / 2] on the model's device.
};
using PackLayoutPtr = c10::intrusive_ptr<PackLayout>;

// Turned, scaled, causal attention inside segments: see AttendSegments. queries [tokens, heads ·
// head_dim], keys and values [tokens, kv_heads · head_dim]; returns the like of queries. On CUDA in
// half precision one call of variable-length FlashAttention, each text's keys gathered in order.
at::Tensor PackedAttention(const at::Tensor& queries, const at::Tensor& keys,
                           const at::Tensor& values, const PackLayoutPtr& layout,
                           const AttentionShape& shape);

}  // namespace gradus
