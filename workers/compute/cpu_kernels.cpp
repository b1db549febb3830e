#include "workers/compute/cpu_kernels.h"

#include <sys/mman.h>

#include <algorithm>
#include <cmath>
#include <new>

#include "schemas/base/error.h"
#include "workers/compute/lanes.h"

namespace gradus {
namespace {

// Lane j of the result is the sum of a[j]'s lanes.
GRADUS_INLINE Lanes SumEach(const Lanes* a) {
  Lanes pair[4];
  for (int i = 0; i < 4; ++i) {
    pair[i] = __builtin_shufflevector(a[2 * i], a[2 * i + 1], 0, 8, 1, 9, 4, 12, 5, 13) +
              __builtin_shufflevector(a[2 * i], a[2 * i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
  }
  Lanes quad[2];
  for (int i = 0; i < 2; ++i) {
    quad[i] = __builtin_shufflevector(pair[2 * i], pair[2 * i + 1], 0, 1, 8, 9, 4, 5, 12, 13) +
              __builtin_shufflevector(pair[2 * i], pair[2 * i + 1], 2, 3, 10, 11, 6, 7, 14, 15);
  }
  return __builtin_shufflevector(quad[0], quad[1], 0, 1, 2, 3, 8, 9, 10, 11) +
         __builtin_shufflevector(quad[0], quad[1], 4, 5, 6, 7, 12, 13, 14, 15);
}

constexpr int kInputBlock =
    512;                       // Inputs per pass: one panel block stays in the first-level cache.
constexpr int kRowBlock = 96;  // Rows per pass: their inputs stay in the second-level cache.

// One register tile: kTile rows × 16 outputs over `inputs` products.
GRADUS_INLINE void MultiplyTile(const float* x, int x_stride, int inputs, const float* panel,
                                Start start, const float* bias, float* y, int y_stride) {
  constexpr int kTile = PackedMatrix::kTile;
  Lanes low[kTile], high[kTile];
  for (int r = 0; r < kTile; ++r) {
    const float* from = start == Start::kAccumulate ? y + r * y_stride : bias;
    low[r] = start == Start::kZero ? Splat(0) : Load(from);
    high[r] = start == Start::kZero ? Splat(0) : Load(from + 8);
  }
  for (int k = 0; k < inputs; ++k) {
    const Lanes w0 = Load(panel + 16 * k), w1 = Load(panel + 16 * k + 8);
#pragma GCC unroll 6
    for (int r = 0; r < kTile; ++r) {
      const Lanes value = Splat(x[r * x_stride + k]);
      low[r] += value * w0;
      high[r] += value * w1;
    }
  }
  for (int r = 0; r < kTile; ++r) {
    Store(y + r * y_stride, low[r]);
    Store(y + r * y_stride + 8, high[r]);
  }
}

// Scores of `H` query heads for the 8 keys at `key`, head-major into scores[h * score_stride].
template <int H>
GRADUS_INLINE void ScoreEight(const float* queries, int stride, const float* const* key,
                              float* scores, int score_stride) {
  for (int h = 0; h < H; ++h) {
    Lanes sum[8];
    for (int j = 0; j < 8; ++j) sum[j] = Splat(0);
    for (int i = 0; i < stride; i += 8) {
      const Lanes q = Load(queries + h * stride + i);
#pragma GCC unroll 8
      for (int j = 0; j < 8; ++j) sum[j] += q * Load(key[j] + i);
    }
    Store(scores + h * score_stride, SumEach(sum));
  }
}

// Softmax weights without the division; scores padded to 8 with anything. Returns the sum.
GRADUS_INLINE float Weigh(float* scores, int count) {
  const Lanes shift = Splat(MaximumOf(scores, count));
  for (int t = count; t < RoundUp(count, 8); ++t) scores[t] = shift[0];
  Lanes sum = Splat(0);
  for (int t = 0; t < count; t += 8) {
    Lanes weight = Exp(Load(scores + t) - shift);
    if (t + 8 > count) {
      for (int j = count - t; j < 8; ++j) weight[j] = 0;
    }
    Store(scores + t, weight);
    sum += weight;
  }
  return SumLanes(sum);
}

// out[h] = Σ_t weight[h][t]·value[t] / sum[h], C vectors of 8 values at a time, keys in path order.
template <int H, int C>
GRADUS_INLINE void MixValues(const float* scores, int score_stride, const float* sums,
                             const float* values, const std::int32_t* slots, int count, int stride,
                             float* out) {
  Lanes mixed[H][C];
  for (int h = 0; h < H; ++h) {
    for (int c = 0; c < C; ++c) mixed[h][c] = Splat(0);
  }
  for (int t = 0; t < count; ++t) {
    const float* value = values + static_cast<std::ptrdiff_t>(slots[t]) * stride;
#pragma GCC unroll 2
    for (int h = 0; h < H; ++h) {
      const Lanes weight = Splat(scores[h * score_stride + t]);
#pragma GCC unroll 4
      for (int c = 0; c < C; ++c) mixed[h][c] += weight * Load(value + 8 * c);
    }
  }
  for (int h = 0; h < H; ++h) {
    for (int c = 0; c < C; ++c) Store(out + h * stride + 8 * c, mixed[h][c] / Splat(sums[h]));
  }
}

template <int H>
GRADUS_INLINE void AttendHeads(const float* queries, int stride, const float* keys,
                               const float* values, const std::int32_t* slots, int count,
                               float* scores, float* out) {
  const int padded = RoundUp(count, 8);
  for (int t = 0; t < count; t += 8) {
    const float* key[8];
    for (int j = 0; j < 8; ++j) {
      key[j] = keys + static_cast<std::ptrdiff_t>(slots[std::min(t + j, count - 1)]) * stride;
    }
    ScoreEight<H>(queries, stride, key, scores + t, padded);
  }
  float sums[H];
  for (int h = 0; h < H; ++h) sums[h] = Weigh(scores + h * padded, count);
  int i = 0;
  for (; i + 32 <= stride; i += 32) {
    MixValues<H, 4>(scores, padded, sums, values + i, slots, count, stride, out + i);
  }
  for (; i < stride; i += 8) {
    MixValues<H, 1>(scores, padded, sums, values + i, slots, count, stride, out + i);
  }
}

}  // namespace

void UnmapFloats::operator()(float* address) const { ::munmap(address, bytes); }

FloatBuffer::FloatBuffer(std::size_t count) {
  const std::size_t bytes = std::max<std::size_t>(count, 1) * sizeof(float);
  void* address = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED) Fail("cannot reserve {} MiB of memory for the engine", bytes >> 20);
  data_ = std::unique_ptr<float[], UnmapFloats>(static_cast<float*>(address), UnmapFloats{bytes});
}

void PackedMatrix::Pack(int first, int count, const float* weights, float* panels) const {
  for (int n = 0; n < count; ++n) {
    const int out = first + n;
    float* panel = panels + static_cast<std::ptrdiff_t>(out / kPanel) * kPanel * inputs_;
    const float* row = weights + static_cast<std::ptrdiff_t>(n) * inputs_;
    for (int k = 0; k < inputs_; ++k) panel[k * kPanel + out % kPanel] = row[k];
  }
}

GRADUS_CLONES
void Multiply(const float* x, int x_stride, int rows, const PackedMatrix& weights, Start start,
              const float* bias, float* y, int y_stride) {
  constexpr int kPanel = PackedMatrix::kPanel, kTile = PackedMatrix::kTile;
  const int inputs = weights.inputs();
  for (int k = 0; k < inputs; k += kInputBlock) {
    const int block = std::min(kInputBlock, inputs - k);
    const Start begin = k > 0 ? Start::kAccumulate : start;
    for (int top = 0; top < rows; top += kRowBlock) {
      const int bottom = std::min(rows, top + kRowBlock);
      for (int n = 0; n < weights.stride(); n += kPanel) {
        const float* panel = weights.panels() + static_cast<std::ptrdiff_t>(n) * inputs +
                             static_cast<std::ptrdiff_t>(k) * kPanel;
        for (int r = top; r < bottom; r += kTile) {
          MultiplyTile(x + static_cast<std::ptrdiff_t>(r) * x_stride + k, x_stride, block, panel,
                       begin, bias ? bias + n : nullptr,
                       y + static_cast<std::ptrdiff_t>(r) * y_stride + n, y_stride);
        }
      }
    }
  }
}

GRADUS_CLONES
float RmsNorm(const float* x, const float* weight, double eps, int size, float* out) {
  Lanes squares = Splat(0);
  int i = 0;
  for (; i + 8 <= size; i += 8) squares += Load(x + i) * Load(x + i);
  float sum = SumLanes(squares);
  for (; i < size; ++i) sum += x[i] * x[i];
  const float scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(sum) / size + eps));
  for (i = 0; i + 8 <= size; i += 8) Store(out + i, Load(x + i) * Splat(scale) * Load(weight + i));
  for (; i < size; ++i) out[i] = x[i] * scale * weight[i];
  return scale;
}

GRADUS_CLONES
void Rotate(float* x, int head_dim, const float* cos, const float* sin) {
  const int half = head_dim / 2;
  int i = 0;
  for (; i + 8 <= half; i += 8) {
    const Lanes low = Load(x + i), high = Load(x + half + i), c = Load(cos + i), s = Load(sin + i);
    Store(x + i, low * c - high * s);
    Store(x + half + i, high * c + low * s);
  }
  for (; i < half; ++i) {
    const float low = x[i], high = x[half + i];
    x[i] = low * cos[i] - high * sin[i];
    x[half + i] = high * cos[i] + low * sin[i];
  }
}

GRADUS_CLONES
void SiluTimes(const float* gate, const float* up, int size, float* out) {
  int i = 0;
  for (; i + 8 <= size; i += 8) {
    const Lanes g = Load(gate + i);
    Store(out + i, g / (Splat(1) + Exp(-g)) * Load(up + i));
  }
  for (; i < size; ++i) out[i] = gate[i] / (1 + std::exp(-gate[i])) * up[i];
}

GRADUS_CLONES
float Dot(const float* a, const float* b, int size) {
  Lanes sum = Splat(0);
  int i = 0;
  for (; i + 8 <= size; i += 8) sum += Load(a + i) * Load(b + i);
  float total = SumLanes(sum);
  for (; i < size; ++i) total += a[i] * b[i];
  return total;
}

GRADUS_CLONES
float Maximum(const float* x, int size) { return MaximumOf(x, size); }

GRADUS_CLONES
double ExpSum(const float* x, float shift, float scale, int size, float* out) {
  double total = 0;
  int i = 0;
  for (; i + 8 <= size; i += 8) {
    const Lanes e = Exp((Load(x + i) - Splat(shift)) * Splat(scale));
    Store(out + i, e);
    total += static_cast<double>(SumLanes(e));
  }
  for (; i < size; ++i) {
    out[i] = std::exp((x[i] - shift) * scale);
    total += static_cast<double>(out[i]);
  }
  return total;
}

GRADUS_CLONES
void Attend(const float* queries, int heads, int head_stride, const float* keys,
            const float* values, const std::int32_t* slots, int count, float* scores, float* out) {
  int h = 0;
  for (; h + 2 <= heads; h += 2) {
    AttendHeads<2>(queries + h * head_stride, head_stride, keys, values, slots, count, scores,
                   out + h * head_stride);
  }
  if (h < heads) {
    AttendHeads<1>(queries + h * head_stride, head_stride, keys, values, slots, count, scores,
                   out + h * head_stride);
  }
}

}  // namespace gradus
