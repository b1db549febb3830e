#include "workers/engine/cpu/cpu_decoder.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "schemas/base/error.h"

namespace gradus {
namespace {

constexpr int kAlign = 16;  // Floats: strides are whole cache lines.

FloatBuffer Rows(int rows, int stride) {
  return FloatBuffer(static_cast<std::size_t>(rows) * static_cast<std::size_t>(stride));
}

float* Row(FloatBuffer& buffer, std::size_t row, int stride) {
  return buffer.data() + row * static_cast<std::size_t>(stride);
}

}  // namespace

CpuDecoder::CpuDecoder(const std::filesystem::path& folder, int max_rows, int kv_tokens,
                       const std::filesystem::path& shared_folder, const std::string& digest)
    : config_(ReadModelConfig(folder)), sampler_(config_.vocab_size) {
  LoadWeights(folder, shared_folder, digest);
  MakeBuffers(max_rows, kv_tokens);
  MakeRotations();
}

void CpuDecoder::MakeBuffers(int max_rows, int kv_tokens) {
  const ModelConfig& c = config_;
  const int rows = RoundUp(max_rows, PackedMatrix::kTile);
  kv_tokens_ = static_cast<std::size_t>(kv_tokens);
  max_length_ = std::min(c.max_positions, kv_tokens);
  head_stride_ = RoundUp(c.head_dim, 8);
  hidden_stride_ = RoundUp(c.hidden_size, kAlign);
  qkv_stride_ = layers_[0].qkv.stride();
  query_stride_ = RoundUp(c.num_heads * c.head_dim, kAlign);
  gate_stride_ = layers_[0].gate_up.stride();
  ffn_stride_ = RoundUp(c.intermediate_size, kAlign);
  const std::size_t plane = kv_tokens_ * static_cast<std::size_t>(head_stride_) *
                            static_cast<std::size_t>(c.num_kv_heads);
  for (std::size_t i = 0; i < layers_.size(); ++i) layers_[i].cache = i * plane;
  keys_ = FloatBuffer(plane * layers_.size());
  values_ = FloatBuffer(plane * layers_.size());
  hidden_ = Rows(rows, hidden_stride_);
  normed_ = Rows(rows, hidden_stride_);
  qkv_ = Rows(rows, qkv_stride_);
  queries_ = Rows(rows, c.num_heads * head_stride_);
  mixed_ = Rows(rows, query_stride_);
  gate_up_ = Rows(rows, gate_stride_);
  active_ = Rows(rows, ffn_stride_);
  logits_ = Rows(kLogitRows, head_.stride());
  scores_ = Rows(2, RoundUp(max_length_, 8));
  rows_.reserve(static_cast<std::size_t>(max_rows));
}

void CpuDecoder::MakeRotations() {
  const RopeConfig& rope = config_.rope;
  const int half = rope.dims / 2;
  cos_ = Rows(rope.tables() * max_length_, half);
  sin_ = Rows(rope.tables() * max_length_, half);
  for (int table = 0; table < rope.tables(); ++table) {
    const auto first = static_cast<std::size_t>(table) * static_cast<std::size_t>(max_length_);
    FillRotations(rope, table, max_length_, Row(cos_, first, half), Row(sin_, first, half));
  }
}

void CpuDecoder::Embed(std::span<const TokenRow> rows) {
  rows_.assign(rows.begin(), rows.end());
  const auto size = static_cast<std::size_t>(config_.hidden_size);
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    std::memcpy(Row(hidden_, r, hidden_stride_),
                embedding_ + static_cast<std::size_t>(rows_[r].token) * size, size * sizeof(float));
  }
}

int CpuDecoder::Forward(std::span<const TokenRow> rows) {
  Embed(rows);
  for (Layer& layer : layers_) RunLayer(layer, &layer == &layers_.back());
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    RmsNorm(Row(hidden_, r, hidden_stride_), final_norm_.data(), config_.rms_norm_eps,
            config_.hidden_size, Row(normed_, r, hidden_stride_));
  }
  return static_cast<int>(rows_.size());
}

void CpuDecoder::RunLayer(Layer& layer, bool last) {
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    RmsNorm(Row(hidden_, r, hidden_stride_), layer.input_norm.data(), config_.rms_norm_eps,
            config_.hidden_size, Row(normed_, r, hidden_stride_));
  }
  Multiply(normed_.data(), hidden_stride_, PaddedRows(), layer.qkv, Start::kBias,
           layer.qkv_bias.data(), qkv_.data(), qkv_stride_);
  StoreKeys(layer);
  // After the last layer's keys only the rows that somebody wants go on.
  if (last) KeepOutputs();
  AttendRows(layer);
  Multiply(mixed_.data(), query_stride_, PaddedRows(), layer.output, Start::kAccumulate, nullptr,
           hidden_.data(), hidden_stride_);
  FeedForward(layer);
}

// Normalises (where the family does) and turns one head of a row's query or key.
void CpuDecoder::TurnHead(float* head, const std::vector<float>& norm, const TokenRow& row) const {
  if (!norm.empty()) {
    RmsNorm(head, norm.data(), config_.rms_norm_eps, config_.head_dim, head);
  }
  const int half = config_.rope.dims / 2;
  const std::size_t at =
      (static_cast<std::size_t>(row.rope_table) * static_cast<std::size_t>(max_length_) +
       static_cast<std::size_t>(row.position)) *
      static_cast<std::size_t>(half);
  Rotate(head, config_.rope.dims, cos_.data() + at, sin_.data() + at);
}

void CpuDecoder::StoreKeys(const Layer& layer) {
  const int d = config_.head_dim;
  const std::size_t bytes = static_cast<std::size_t>(d) * sizeof(float);
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    const auto slot = static_cast<std::size_t>(rows_[r].slot);
    float* key = Row(qkv_, r, qkv_stride_) + config_.num_heads * d;
    const float* value = key + config_.num_kv_heads * d;
    for (int g = 0; g < config_.num_kv_heads; ++g) {
      TurnHead(key + g * d, layer.k_norm, rows_[r]);
      const std::size_t at = layer.cache + (static_cast<std::size_t>(g) * kv_tokens_ + slot) *
                                               static_cast<std::size_t>(head_stride_);
      std::memcpy(keys_.data() + at, key + g * d, bytes);
      std::memcpy(values_.data() + at, value + g * d, bytes);
    }
  }
}

void CpuDecoder::KeepOutputs() {
  std::size_t kept = 0;
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    if (!rows_[r].output) continue;
    if (kept != r) {
      std::memcpy(Row(hidden_, kept, hidden_stride_), Row(hidden_, r, hidden_stride_),
                  static_cast<std::size_t>(hidden_stride_) * sizeof(float));
      std::memcpy(Row(qkv_, kept, qkv_stride_), Row(qkv_, r, qkv_stride_),
                  static_cast<std::size_t>(qkv_stride_) * sizeof(float));
      rows_[kept] = rows_[r];
    }
    ++kept;
  }
  rows_.resize(kept);
}

void CpuDecoder::AttendRows(const Layer& layer) {
  const int d = config_.head_dim, group = config_.num_heads / config_.num_kv_heads;
  const float scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(d)));
  const int row_stride = config_.num_heads * head_stride_;
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    for (int h = 0; h < config_.num_heads; ++h) {
      float* query = Row(queries_, r, row_stride) + h * head_stride_;
      std::memcpy(query, Row(qkv_, r, qkv_stride_) + h * d,
                  static_cast<std::size_t>(d) * sizeof(float));
      TurnHead(query, layer.q_norm, rows_[r]);
      for (int i = 0; i < d; ++i) query[i] *= scale;
    }
  }
  // Head by head, so that siblings find their shared prefix in the cache. The result replaces the
  // query.
  for (int g = 0; g < config_.num_kv_heads; ++g) {
    const std::size_t plane = layer.cache + static_cast<std::size_t>(g) * kv_tokens_ *
                                                static_cast<std::size_t>(head_stride_);
    for (std::size_t r = 0; r < rows_.size(); ++r) {
      float* query = Row(queries_, r, row_stride) + g * group * head_stride_;
      const int length = rows_[r].position + 1;
      const int first = layer.window > 0 ? std::max(0, length - layer.window) : 0;
      Attend(query, group, head_stride_, keys_.data() + plane, values_.data() + plane,
             rows_[r].slots + first, length - first, scores_.data(), query);
    }
  }
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    for (int h = 0; h < config_.num_heads; ++h) {
      std::memcpy(Row(mixed_, r, query_stride_) + h * d,
                  Row(queries_, r, row_stride) + h * head_stride_,
                  static_cast<std::size_t>(d) * sizeof(float));
    }
  }
}

void CpuDecoder::FeedForward(const Layer& layer) {
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    RmsNorm(Row(hidden_, r, hidden_stride_), layer.post_norm.data(), config_.rms_norm_eps,
            config_.hidden_size, Row(normed_, r, hidden_stride_));
  }
  Multiply(normed_.data(), hidden_stride_, PaddedRows(), layer.gate_up, Start::kZero, nullptr,
           gate_up_.data(), gate_stride_);
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    const float* gate = Row(gate_up_, r, gate_stride_);
    SiluTimes(gate, gate + config_.intermediate_size, config_.intermediate_size,
              Row(active_, r, ffn_stride_));
  }
  Multiply(active_.data(), ffn_stride_, PaddedRows(), layer.down, Start::kAccumulate, nullptr,
           hidden_.data(), hidden_stride_);
}

const float* CpuDecoder::Logits(int first, int count) {
  const int padded = RoundUp(count, PackedMatrix::kTile);
  Require(count <= kLogitRows && first + count <= static_cast<int>(rows_.size()),
          "logits asked for rows that are not there");
  Multiply(Row(normed_, static_cast<std::size_t>(first), hidden_stride_), hidden_stride_, padded,
           head_, Start::kZero, nullptr, logits_.data(), head_.stride());
  return logits_.data();
}

float CpuDecoder::RawValue(int output) const {
  const float* hidden =
      normed_.data() + static_cast<std::size_t>(output) * static_cast<std::size_t>(hidden_stride_);
  return Dot(hidden, value_head_->weight.data(), config_.hidden_size) + value_head_->bias;
}

void CpuDecoder::Compute(const Pass& pass, PassResult& result) {
  const int outputs = Forward(pass.rows);
  Require(outputs == static_cast<int>(pass.wishes.size()), "the pass lost an output row");
  Require(pass.steps == 1 && pass.copies.empty(), "the CPU takes single steps and any slots");
  result.draws.clear();
  result.tops.clear();
  result.values.assign(pass.wishes.size(), 0);
  for (int first = 0; first < outputs; first += kLogitRows) {
    const int count = std::min(kLogitRows, outputs - first);
    const std::span wishes(pass.wishes.data() + first, static_cast<std::size_t>(count));
    const bool wanted = std::any_of(wishes.begin(), wishes.end(), [](const OutputWish& wish) {
      return wish.kind != OutputWish::Kind::kValue;
    });
    const float* logits = wanted ? Logits(first, count) : nullptr;
    for (int i = 0; i < count; ++i) {
      const float* row =
          wanted ? logits + static_cast<std::ptrdiff_t>(i) * head_.stride() : nullptr;
      Grant(wishes[static_cast<std::size_t>(i)], first + i, row, result);
    }
  }
}

void CpuDecoder::Grant(const OutputWish& wish, int output, const float* logits,
                       PassResult& result) {
  double& value = result.values[static_cast<std::size_t>(output)];
  if (wish.kind == OutputWish::Kind::kValue) {
    value = static_cast<double>(RawValue(output));
  } else if (wish.kind == OutputWish::Kind::kLogProb) {
    value = sampler_.LogProb(logits, wish.next);
  } else {
    if (wish.top > 0) result.tops.push_back(sampler_.Top(logits, wish.top));
    for (int i = 0; i < wish.samples; ++i) {
      const Seed seed = MixSeed(wish.seed, static_cast<std::uint64_t>(wish.first_sample + i),
                                static_cast<std::uint64_t>(wish.position));
      result.draws.push_back(sampler_.Draw(logits, *wish.sampling, seed));
    }
  }
}

}  // namespace gradus
