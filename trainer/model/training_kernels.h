#pragma once
#include <cstdint>

namespace gradus {

// Row kernels of training on CPU in float32, forward and backward. Each row is reduced in an order
// that depends on its size alone, rows are added in their order.

// out = x / rms(x) · weight of `rows` rows of `size`; keeps 1 / rms in inverse [rows].
void NormalizeRows(const float* x, const float* weight, double eps, std::int64_t rows, int size,
                   float* out, float* inverse);
// Writes dx [rows, size]; adds to dweight [size].
void NormalizeRowsBackward(const float* gradient, const float* x, const float* weight,
                           const float* inverse, std::int64_t rows, int size, float* dx,
                           float* dweight);

// out = silu(gate) · up. Strides in floats between rows.
void GateRows(const float* gate, std::int64_t gate_stride, const float* up, std::int64_t up_stride,
              std::int64_t rows, int size, float* out);
void GateRowsBackward(const float* gradient, const float* gate, std::int64_t gate_stride,
                      const float* up, std::int64_t up_stride, std::int64_t rows, int size,
                      float* dgate, float* dup);

// The softmax of one row: numerators e^(logit - largest logit) take the place of the logits.
struct RowSoftmax {
  double sum;       // Of the numerators.
  double log_prob;  // Of the target.
};
RowSoftmax SoftmaxRow(float* logits, int size, std::int64_t target);
// Replaces such numerators by the gradient of `weight` times the target's cross-entropy.
void CrossEntropyGradientRow(float* numerators, int size, std::int64_t target, double weight,
                             double sum);

}  // namespace gradus
