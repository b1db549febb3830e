#include "trainer/model/training_kernels.h"

#include <cmath>

#include "workers/compute/cpu_kernels.h"
#include "workers/compute/lanes.h"

namespace gradus {
namespace {

GRADUS_INLINE Lanes Sigmoid(Lanes x) { return Splat(1) / (Splat(1) + Exp(-x)); }

GRADUS_INLINE void NormalizeRow(const float* gradient, const float* x, const float* weight,
                                float inverse, int size, float* dx, float* dweight) {
  Lanes products = Splat(0);
  int i = 0;
  for (; i + 8 <= size; i += 8) products += Load(gradient + i) * Load(weight + i) * Load(x + i);
  float product = SumLanes(products);
  for (; i < size; ++i) product += gradient[i] * weight[i] * x[i];
  const float back = product * inverse * inverse / static_cast<float>(size);
  for (i = 0; i + 8 <= size; i += 8) {
    const Lanes g = Load(gradient + i), value = Load(x + i);
    Store(dx + i, (g * Load(weight + i) - value * Splat(back)) * Splat(inverse));
    Store(dweight + i, Load(dweight + i) + g * value * Splat(inverse));
  }
  for (; i < size; ++i) {
    dx[i] = (gradient[i] * weight[i] - x[i] * back) * inverse;
    dweight[i] += gradient[i] * x[i] * inverse;
  }
}

}  // namespace

void NormalizeRows(const float* x, const float* weight, double eps, std::int64_t rows, int size,
                   float* out, float* inverse) {
  for (std::int64_t r = 0; r < rows; ++r) {
    inverse[r] = RmsNorm(x + r * size, weight, eps, size, out + r * size);
  }
}

GRADUS_CLONES
void NormalizeRowsBackward(const float* gradient, const float* x, const float* weight,
                           const float* inverse, std::int64_t rows, int size, float* dx,
                           float* dweight) {
  for (std::int64_t r = 0; r < rows; ++r) {
    NormalizeRow(gradient + r * size, x + r * size, weight, inverse[r], size, dx + r * size,
                 dweight);
  }
}

GRADUS_CLONES
void GateRows(const float* gate, std::int64_t gate_stride, const float* up, std::int64_t up_stride,
              std::int64_t rows, int size, float* out) {
  for (std::int64_t r = 0; r < rows; ++r, gate += gate_stride, up += up_stride, out += size) {
    int i = 0;
    for (; i + 8 <= size; i += 8) {
      const Lanes g = Load(gate + i);
      Store(out + i, g * Sigmoid(g) * Load(up + i));
    }
    for (; i < size; ++i) out[i] = gate[i] / (1 + std::exp(-gate[i])) * up[i];
  }
}

GRADUS_CLONES
void GateRowsBackward(const float* gradient, const float* gate, std::int64_t gate_stride,
                      const float* up, std::int64_t up_stride, std::int64_t rows, int size,
                      float* dgate, float* dup) {
  for (std::int64_t r = 0; r < rows; ++r) {
    int i = 0;
    for (; i + 8 <= size; i += 8) {
      const Lanes d = Load(gradient + i), g = Load(gate + i), s = Sigmoid(g);
      Store(dgate + i, d * Load(up + i) * s * (Splat(1) + g * (Splat(1) - s)));
      Store(dup + i, d * g * s);
    }
    for (; i < size; ++i) {
      const float s = 1 / (1 + std::exp(-gate[i]));
      dgate[i] = gradient[i] * up[i] * s * (1 + gate[i] * (1 - s));
      dup[i] = gradient[i] * gate[i] * s;
    }
    gradient += size, gate += gate_stride, up += up_stride, dgate += size, dup += size;
  }
}

GRADUS_CLONES
RowSoftmax SoftmaxRow(float* logits, int size, std::int64_t target) {
  const float most = Maximum(logits, size);
  const double of_target = static_cast<double>(logits[target]) - static_cast<double>(most);
  const double sum = ExpSum(logits, most, 1.0f, size, logits);
  return {sum, of_target - std::log(sum)};
}

GRADUS_CLONES
void CrossEntropyGradientRow(float* numerators, int size, std::int64_t target, double weight,
                             double sum) {
  const auto scale = static_cast<float>(weight / sum);
  for (int i = 0; i < size; ++i) numerators[i] *= scale;
  numerators[target] -= static_cast<float>(weight);
}

}  // namespace gradus
