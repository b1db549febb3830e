#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace gradus {

// Kernels of the CPU engine and of training. Each computes rows one by one in an order of
// operations that depends on the row alone, so a row's bits never depend on its neighbours or on
// the size of the batch. Strides are in floats; buffers are 64-byte aligned and their strides
// multiples of 16.

constexpr int RoundUp(int value, int step) { return (value + step - 1) / step * step; }

struct UnmapFloats {
  std::size_t bytes = 0;
  void operator()(float* address) const;
};

// Zero-filled, page-aligned; pages are committed when first written.
class FloatBuffer {
 public:
  FloatBuffer() = default;
  explicit FloatBuffer(std::size_t count);
  float* data() { return data_.get(); }
  const float* data() const { return data_.get(); }

 private:
  std::unique_ptr<float[], UnmapFloats> data_;
};

// A weight matrix [outputs, inputs] packed for Multiply, in memory of others.
class PackedMatrix {
 public:
  static constexpr int kPanel = 16;  // Outputs per panel.
  static constexpr int kTile = 6;    // Rows per register tile: batches are padded to a multiple.
  PackedMatrix() = default;
  PackedMatrix(int outputs, int inputs) : outputs_(outputs), inputs_(inputs) {}
  // Floats that the packed weights take.
  std::size_t Size() const {
    return static_cast<std::size_t>(stride()) * static_cast<std::size_t>(inputs_);
  }
  // Packs row-major weights [count, inputs] as outputs [first, first + count) into `panels`, which
  // holds Size() floats, zeros where nothing is packed.
  void Pack(int first, int count, const float* weights, float* panels) const;
  void Use(const float* panels) { panels_ = panels; }
  int outputs() const { return outputs_; }
  int stride() const { return RoundUp(outputs_, kPanel); }
  int inputs() const { return inputs_; }
  const float* panels() const { return panels_; }

 private:
  int outputs_ = 0, inputs_ = 0;
  const float* panels_ = nullptr;
};

enum class Start { kZero, kBias, kAccumulate };
// y[r] = start + W·x[r] for rows [0, rows), rows a multiple of kTile; every element adds its
// products in input order. y's stride holds whole panels. kBias reads `bias` (whole panels too).
void Multiply(const float* x, int x_stride, int rows, const PackedMatrix& weights, Start start,
              const float* bias, float* y, int y_stride);

// out = x / rms(x) · weight; returns 1 / rms(x).
float RmsNorm(const float* x, const float* weight, double eps, int size, float* out);
// Rotates halves in place: head_dim values at x by the angles whose cos and sin are given (head_dim
// / 2 each).
void Rotate(float* x, int head_dim, const float* cos, const float* sin);
// out = silu(gate) · up.
void SiluTimes(const float* gate, const float* up, int size, float* out);
float Dot(const float* a, const float* b, int size);
// x[i] ← exp(x[i] − shift); returns the sum. `size` may be anything; lanes add in a fixed pattern.
double ExpSum(const float* x, float shift, float scale, int size, float* out);
float Maximum(const float* x, int size);

// Attention of `heads` query heads (stride head_stride floats, already scaled) that share one
// key/value head, over the keys keys[slots[t]] for t < count. head_stride is a multiple of 8;
// `scores` holds 2·RoundUp(count, 8) floats.
void Attend(const float* queries, int heads, int head_stride, const float* keys,
            const float* values, const std::int32_t* slots, int count, float* scores, float* out);

}  // namespace gradus
