#include "trainer/model/segment_attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "workers/compute/cpu_kernels.h"
#include "workers/compute/lanes.h"

namespace gradus {
namespace {

constexpr int kQueryBlock = 48;        // Queries whose scores are held at once.
constexpr int kWide = 6, kNarrow = 4;  // Rows of a register tile: of queries, of keys.

// C[R, 16] (+)= A[R, inner] · B[inner, 16]; element (r, k) of A is at a[r · a_row + k · a_inner].
template <int R>
GRADUS_INLINE void Tile(const float* a, std::ptrdiff_t a_row, std::ptrdiff_t a_inner,
                        const float* b, std::ptrdiff_t b_row, int inner, bool add, float* c,
                        std::ptrdiff_t c_row) {
  Lanes low[R], high[R];
  for (int r = 0; r < R; ++r) {
    low[r] = add ? Load(c + r * c_row) : Splat(0);
    high[r] = add ? Load(c + r * c_row + 8) : Splat(0);
  }
  for (int k = 0; k < inner; ++k) {
    const Lanes b0 = Load(b + k * b_row), b1 = Load(b + k * b_row + 8);
#pragma GCC unroll 6
    for (int r = 0; r < R; ++r) {
      const Lanes value = Splat(a[r * a_row + k * a_inner]);
      low[r] += value * b0;
      high[r] += value * b1;
    }
  }
  for (int r = 0; r < R; ++r) {
    Store(c + r * c_row, low[r]);
    Store(c + r * c_row + 8, high[r]);
  }
}

struct Matrix {
  float* data;
  std::ptrdiff_t stride;
  float* Row(std::ptrdiff_t r) const { return data + r * stride; }
};

// C[rows, columns] (+)= A[rows, inner] · B[inner, columns]; rows in whole tiles of R, columns in
// whole tiles of 16.
template <int R>
GRADUS_INLINE void Multiply(const float* a, std::ptrdiff_t a_row, std::ptrdiff_t a_inner, Matrix b,
                            int rows, int inner, int columns, bool add, Matrix c) {
  for (int n = 0; n < columns; n += 16) {
    for (int r = 0; r < rows; r += R) {
      Tile<R>(a + r * a_row, a_row, a_inner, b.data + n, b.stride, inner, add, c.Row(r) + n,
              c.stride);
    }
  }
}

// out = the head at `x`, its leading dimensions turned, times `scale`; `back` turns the other way.
GRADUS_INLINE void Turn(const float* x, const float* cos, const float* sin, int rope_dims,
                        int head_dim, bool back, float scale, float* out) {
  const int half = rope_dims / 2;
  const float sign = back ? -1.0f : 1.0f;
  for (int i = 0; i < half; ++i) {
    const float low = x[i], high = x[half + i], s = sin[i] * sign;
    out[i] = (low * cos[i] - high * s) * scale;
    out[half + i] = (high * cos[i] + low * s) * scale;
  }
  for (int i = rope_dims; i < head_dim; ++i) out[i] = x[i] * scale;
}

void Transpose(Matrix from, int rows, int columns, Matrix to) {
  for (int r = 0; r < rows; ++r) {
    for (int c = 0; c < columns; ++c) to.Row(c)[r] = from.Row(r)[c];
  }
}

struct Range {
  int first, last;  // In whole tiles of 16 keys.
  int size() const { return last - first; }
};

struct alignas(64) Line {
  float values[16] = {};
};

// One pack's attention: scratch of one segment and head, sized for the longest.
class Attention {
 public:
  Attention(const AttentionShape& shape, const std::vector<Segment>& segments,
            const Rotations& rotations, bool backward)
      : shape_(shape), segments_(segments), rotations_(rotations) {
    int keys = 0, queries = 0;
    for (const Segment& s : segments) {
      queries = std::max(queries, int(s.length));
      keys = std::max(keys, int(s.position + s.length));
    }
    width_ = RoundUp(shape.head_dim, 16);
    const int key_rows = RoundUp(keys, 16), query_rows = RoundUp(queries, kQueryBlock);
    const auto matrix = [&](int rows, int columns) {
      auto& lines = buffers_.emplace_back(std::size_t(rows) * std::size_t(columns) / 16);
      return Matrix{lines.data()->values, columns};
    };
    q_ = matrix(query_rows, width_);
    k_ = matrix(key_rows, width_);
    v_ = matrix(key_rows, width_);
    k_across_ = matrix(width_, key_rows);
    weights_ = matrix(kQueryBlock, key_rows);
    out_ = matrix(query_rows, width_);
    if (!backward) return;
    v_across_ = matrix(width_, key_rows);
    dweights_ = matrix(kQueryBlock, key_rows);
    dout_ = matrix(query_rows, width_);
    dk_ = matrix(key_rows, width_);
    dv_ = matrix(key_rows, width_);
  }

  void Forward(ConstRows queries, ConstRows keys, ConstRows values, float* out, float* log_sums) {
    for (const Segment& segment : segments_) {
      for (int kv = 0; kv < shape_.kv_heads; ++kv) {
        LoadKeys(segment, kv, keys, values);
        for (int head = kv * Group(); head < (kv + 1) * Group(); ++head) {
          LoadQueries(segment, head, queries);
          ForwardHead(segment, head, log_sums);
          StoreHead(segment, head, out);
        }
      }
    }
  }

  void Backward(ConstRows queries, ConstRows keys, ConstRows values, const float* out,
                const float* log_sums, const float* gradient, FloatRows dqueries, FloatRows dkeys,
                FloatRows dvalues) {
    for (const Segment& segment : segments_) {
      for (int kv = 0; kv < shape_.kv_heads; ++kv) {
        LoadKeys(segment, kv, keys, values);
        const int count = segment.position + segment.length;
        Transpose(v_, RoundUp(count, 16), width_, v_across_);
        Clear(dk_, RoundUp(count, 16));
        Clear(dv_, RoundUp(count, 16));
        for (int head = kv * Group(); head < (kv + 1) * Group(); ++head) {
          LoadQueries(segment, head, queries);
          LoadHead(segment, head, out, out_);
          LoadHead(segment, head, gradient, dout_);
          BackwardHead(segment, head, log_sums);
          StoreQueries(segment, head, dqueries);
        }
        AddKeys(segment, kv, dkeys, dvalues);
      }
    }
  }

 private:
  int Group() const { return shape_.heads / shape_.kv_heads; }
  float Scale() const { return 1.0f / std::sqrt(float(shape_.head_dim)); }
  const float* Cos(std::int64_t row) const {
    return rotations_.cos.data() + row * (shape_.rope_dims / 2);
  }
  const float* Sin(std::int64_t row) const {
    return rotations_.sin.data() + row * (shape_.rope_dims / 2);
  }
  static void Clear(Matrix m, int rows, int from = 0) {
    std::memset(m.Row(from), 0, std::size_t(rows - from) * std::size_t(m.stride) * sizeof(float));
  }

  // Row of the pack that holds key `j` of a segment's text.
  std::int64_t KeyRow(const Segment& segment, int j) const {
    if (j >= segment.position) return std::int64_t{segment.first} + j - segment.position;
    return std::int64_t{segments_[std::size_t(segment.parent)].first} + j;
  }

  void LoadKeys(const Segment& segment, int kv, ConstRows keys, ConstRows values) {
    const int count = segment.position + segment.length, d = shape_.head_dim;
    for (int j = 0; j < count; ++j) {
      const std::int64_t row = KeyRow(segment, j);
      Turn(keys.data + row * keys.stride + kv * d, Cos(row), Sin(row), shape_.rope_dims, d, false,
           1, k_.Row(j));
      std::copy_n(values.data + row * values.stride + kv * d, d, v_.Row(j));
    }
    Clear(k_, RoundUp(count, 16), count);
    Clear(v_, RoundUp(count, 16), count);
    Transpose(k_, RoundUp(count, 16), width_, k_across_);
  }

  void LoadQueries(const Segment& segment, int head, ConstRows queries) {
    const int d = shape_.head_dim;
    for (int i = 0; i < segment.length; ++i) {
      const std::int64_t row = segment.first + std::int64_t{i};
      Turn(queries.data + row * queries.stride + head * d, Cos(row), Sin(row), shape_.rope_dims, d,
           false, Scale(), q_.Row(i));
    }
    Clear(q_, RoundUp(segment.length, kWide), segment.length);
  }

  void LoadHead(const Segment& segment, int head, const float* from, Matrix to) const {
    const std::int64_t stride = std::int64_t{shape_.heads} * shape_.head_dim;
    for (int i = 0; i < segment.length; ++i) {
      std::copy_n(from + (segment.first + i) * stride + head * shape_.head_dim, shape_.head_dim,
                  to.Row(i));
    }
    Clear(to, RoundUp(segment.length, kWide), segment.length);
  }

  void StoreHead(const Segment& segment, int head, float* to) const {
    const std::int64_t stride = std::int64_t{shape_.heads} * shape_.head_dim;
    for (int i = 0; i < segment.length; ++i) {
      std::copy_n(out_.Row(i), shape_.head_dim,
                  to + (segment.first + i) * stride + head * shape_.head_dim);
    }
  }

  int FirstSeen(int position) const {
    return shape_.window == 0 ? 0 : std::max(0, position - shape_.window + 1);
  }
  // Keys that any of the queries [begin, end) of a segment sees.
  Range KeysOf(const Segment& segment, int begin, int end) const {
    return {FirstSeen(segment.position + begin) / 16 * 16, RoundUp(segment.position + end, 16)};
  }

  // Scores of the queries [begin, end) into weights_, whole tiles of rows.
  GRADUS_INLINE void Score(Range keys, int begin, int rows) {
    Multiply<kWide>(q_.Row(begin), q_.stride, 1, {k_across_.data + keys.first, k_across_.stride},
                    rows, width_, keys.size(), false, weights_);
  }

  // Turns the scores of one query into weights exp(score - shift); what it does not see gets none.
  GRADUS_INLINE void WeighRow(float* row, Range keys, int first, int last, float shift) const {
    for (int j = 0; j < keys.size(); j += 8) Store(row + j, Exp(Load(row + j) - Splat(shift)));
    std::fill(row, row + (first - keys.first), 0.0f);
    std::fill(row + (last - keys.first), row + keys.size(), 0.0f);
  }

  GRADUS_INLINE void ForwardHead(const Segment& segment, int head, float* log_sums) {
    for (int begin = 0; begin < segment.length; begin += kQueryBlock) {
      const int end = std::min(begin + kQueryBlock, int(segment.length));
      const int rows = RoundUp(end - begin, kWide);
      const Range keys = KeysOf(segment, begin, end);
      Score(keys, begin, rows);
      float sums[kQueryBlock];
      for (int i = 0; i < end - begin; ++i) {
        const int position = segment.position + begin + i, first = FirstSeen(position);
        float* row = weights_.Row(i);
        const float most = MaximumOf(row + (first - keys.first), position + 1 - first);
        WeighRow(row, keys, first, position + 1, most);
        Lanes sum = Splat(0);
        for (int j = 0; j < keys.size(); j += 8) sum += Load(row + j);
        sums[i] = SumLanes(sum);
        log_sums[(segment.first + std::int64_t{begin} + i) * shape_.heads + head] =
            most + std::log(sums[i]);
      }
      Multiply<kWide>(weights_.data, weights_.stride, 1, {v_.Row(keys.first), v_.stride}, rows,
                      keys.size(), width_, false, {out_.Row(begin), out_.stride});
      for (int i = 0; i < end - begin; ++i) {
        float* row = out_.Row(begin + i);
        for (int c = 0; c < width_; c += 8) Store(row + c, Load(row + c) / Splat(sums[i]));
      }
    }
  }

  // q_ becomes the gradient of the queries.
  GRADUS_INLINE void BackwardHead(const Segment& segment, int head, const float* log_sums) {
    for (int begin = 0; begin < segment.length; begin += kQueryBlock) {
      const int end = std::min(begin + kQueryBlock, int(segment.length)), count = end - begin;
      const int rows = RoundUp(count, kWide);
      const Range keys = KeysOf(segment, begin, end);
      Score(keys, begin, rows);
      Multiply<kWide>(dout_.Row(begin), dout_.stride, 1,
                      {v_across_.data + keys.first, v_across_.stride}, rows, width_, keys.size(),
                      false, dweights_);
      for (int i = 0; i < count; ++i) {
        const int position = segment.position + begin + i;
        float *weight = weights_.Row(i), *dweight = dweights_.Row(i);
        WeighRow(weight, keys, FirstSeen(position), position + 1,
                 log_sums[(segment.first + std::int64_t{begin} + i) * shape_.heads + head]);
        Lanes dots = Splat(0);
        for (int c = 0; c < width_; c += 8) {
          dots += Load(out_.Row(begin + i) + c) * Load(dout_.Row(begin + i) + c);
        }
        const Lanes dot = Splat(SumLanes(dots));
        for (int j = 0; j < keys.size(); j += 8) {
          Store(dweight + j, Load(weight + j) * (Load(dweight + j) - dot));
        }
      }
      Multiply<kNarrow>(weights_.data, 1, weights_.stride, {dout_.Row(begin), dout_.stride},
                        keys.size(), count, width_, true, {dv_.Row(keys.first), dv_.stride});
      Multiply<kNarrow>(dweights_.data, 1, dweights_.stride, {q_.Row(begin), q_.stride},
                        keys.size(), count, width_, true, {dk_.Row(keys.first), dk_.stride});
      Multiply<kWide>(dweights_.data, dweights_.stride, 1, {k_.Row(keys.first), k_.stride}, rows,
                      keys.size(), width_, false, {q_.Row(begin), q_.stride});
    }
  }

  void StoreQueries(const Segment& segment, int head, FloatRows dqueries) const {
    for (int i = 0; i < segment.length; ++i) {
      const std::int64_t row = segment.first + std::int64_t{i};
      Turn(q_.Row(i), Cos(row), Sin(row), shape_.rope_dims, shape_.head_dim, true, Scale(),
           dqueries.data + row * dqueries.stride + head * shape_.head_dim);
    }
  }

  void AddKeys(const Segment& segment, int kv, FloatRows dkeys, FloatRows dvalues) {
    const int count = segment.position + segment.length, d = shape_.head_dim;
    float* turned = q_.data;  // Free now: one row is enough.
    for (int j = 0; j < count; ++j) {
      const std::int64_t row = KeyRow(segment, j);
      float* dk = dkeys.data + row * dkeys.stride + kv * d;
      float* dv = dvalues.data + row * dvalues.stride + kv * d;
      Turn(dk_.Row(j), Cos(row), Sin(row), shape_.rope_dims, d, true, 1, turned);
      for (int i = 0; i < d; ++i) dk[i] += turned[i];
      for (int i = 0; i < d; ++i) dv[i] += dv_.Row(j)[i];
    }
  }

  AttentionShape shape_;
  const std::vector<Segment>& segments_;
  const Rotations& rotations_;
  int width_ = 0;  // head_dim in whole tiles; what is beyond stays zero.
  std::vector<std::vector<Line>> buffers_;
  Matrix q_{}, k_{}, v_{}, k_across_{}, v_across_{}, weights_{}, dweights_{}, out_{}, dout_{},
      dk_{}, dv_{};
};

}  // namespace

GRADUS_CLONES
void AttendSegments(const AttentionShape& shape, const std::vector<Segment>& segments,
                    const Rotations& rotations, ConstRows queries, ConstRows keys, ConstRows values,
                    float* out, float* log_sums) {
  Attention(shape, segments, rotations, false).Forward(queries, keys, values, out, log_sums);
}

GRADUS_CLONES
void AttendSegmentsBackward(const AttentionShape& shape, const std::vector<Segment>& segments,
                            const Rotations& rotations, ConstRows queries, ConstRows keys,
                            ConstRows values, const float* out, const float* log_sums,
                            const float* gradient, FloatRows dqueries, FloatRows dkeys,
                            FloatRows dvalues) {
  Attention(shape, segments, rotations, true)
      .Backward(queries, keys, values, out, log_sums, gradient, dqueries, dkeys, dvalues);
}

}  // namespace gradus
