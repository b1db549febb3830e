#include "workers/policy/cpu_decoder.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "schemas/base/error.h"
#include "workers/policy/decoder_names.h"
#include "workers/policy/safetensors.h"

namespace gradus {
namespace {

constexpr int kAlign = 16;  // Floats: strides are whole cache lines.

// Reads one parameter after the other as float32.
class ParameterReader {
 public:
  ParameterReader(const std::filesystem::path& folder, const ModelConfig& config)
      : weights_(folder), list_(DecoderParameters(config)) {}

  std::vector<float> Next() {
    const ParameterShape& parameter = list_.at(next_++);
    const StoredTensor& stored = weights_.Get(parameter.name, parameter.shape);
    std::vector<float> values(static_cast<std::size_t>(stored.Elements()));
    CopyToFloat(stored, parameter.name, values.data());
    return values;
  }

 private:
  FolderWeights weights_;
  std::vector<ParameterShape> list_;
  std::size_t next_ = 0;
};

FloatBuffer Rows(int rows, int stride) {
  return FloatBuffer(static_cast<std::size_t>(rows) * static_cast<std::size_t>(stride));
}

float* Row(FloatBuffer& buffer, std::size_t row, int stride) {
  return buffer.data() + row * static_cast<std::size_t>(stride);
}

}  // namespace

CpuDecoder::CpuDecoder(const std::filesystem::path& folder, int max_rows, int kv_tokens)
    : config_(ReadModelConfig(folder)) {
  LoadWeights(folder);
  MakeBuffers(max_rows, kv_tokens);
  MakeRotations();
}

void CpuDecoder::LoadWeights(const std::filesystem::path& folder) {
  const ModelConfig& c = config_;
  ParameterReader reader(folder, c);
  const int q = c.num_heads * c.head_dim, kv = c.num_kv_heads * c.head_dim;
  embedding_ = reader.Next();
  for (int i = 0; i < c.num_layers; ++i) {
    Layer& layer = layers_.emplace_back();
    layer.input_norm = reader.Next();
    layer.qkv = PackedMatrix(q + 2 * kv, c.hidden_size);
    layer.qkv_bias = Rows(1, layer.qkv.stride());
    for (const auto& [first, count] : {std::pair(0, q), std::pair(q, kv), std::pair(q + kv, kv)}) {
      layer.qkv.Fill(first, count, reader.Next().data());
      if (!c.qkv_bias) continue;
      const std::vector<float> bias = reader.Next();
      std::copy(bias.begin(), bias.end(), layer.qkv_bias.data() + first);
    }
    layer.output = PackedMatrix(c.hidden_size, q);
    layer.output.Fill(0, c.hidden_size, reader.Next().data());
    layer.post_norm = reader.Next();
    layer.gate_up = PackedMatrix(2 * c.intermediate_size, c.hidden_size);
    layer.gate_up.Fill(0, c.intermediate_size, reader.Next().data());
    layer.gate_up.Fill(c.intermediate_size, c.intermediate_size, reader.Next().data());
    layer.down = PackedMatrix(c.hidden_size, c.intermediate_size);
    layer.down.Fill(0, c.hidden_size, reader.Next().data());
  }
  final_norm_ = reader.Next();
  head_ = PackedMatrix(c.vocab_size, c.hidden_size);
  head_.Fill(0, c.vocab_size, c.tie_embeddings ? embedding_.data() : reader.Next().data());

  const std::filesystem::path value_head = folder / kValueHeadFile;
  has_value_head_ = std::filesystem::exists(value_head);
  if (!has_value_head_) return;
  const SafetensorsFile file(value_head);
  const auto read = [&](const char* name, std::int64_t count, float* out) {
    const auto found = file.tensors().find(name);
    if (found == file.tensors().end() || found->second.Elements() != count) {
      Fail("{}: {} is missing or has the wrong shape", value_head.string(), name);
    }
    CopyToFloat(found->second, name, out);
  };
  value_weight_.resize(static_cast<std::size_t>(c.hidden_size));
  read(kValueWeightName, c.hidden_size, value_weight_.data());
  read(kValueBiasName, 1, &value_bias_);
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
  const int half = config_.head_dim / 2;
  cos_ = Rows(max_length_, half);
  sin_ = Rows(max_length_, half);
  for (int i = 0; i < half; ++i) {
    const float frequency =
        static_cast<float>(1.0 / std::pow(config_.rope_theta, 2.0 * i / config_.head_dim));
    for (int t = 0; t < max_length_; ++t) {
      const float angle = static_cast<float>(t) * frequency;
      Row(cos_, static_cast<std::size_t>(t), half)[i] = std::cos(angle);
      Row(sin_, static_cast<std::size_t>(t), half)[i] = std::sin(angle);
    }
  }
}

void CpuDecoder::Embed(std::span<const TokenRow> rows) {
  rows_.assign(rows.begin(), rows.end());
  const auto size = static_cast<std::size_t>(config_.hidden_size);
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    std::memcpy(Row(hidden_, r, hidden_stride_),
                embedding_.data() + static_cast<std::size_t>(rows_[r].token) * size,
                size * sizeof(float));
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

void CpuDecoder::StoreKeys(const Layer& layer) {
  const int d = config_.head_dim, half = d / 2;
  const std::size_t bytes = static_cast<std::size_t>(d) * sizeof(float);
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    const auto position = static_cast<std::size_t>(rows_[r].position);
    const auto slot = static_cast<std::size_t>(rows_[r].slots[position]);
    float* key = Row(qkv_, r, qkv_stride_) + config_.num_heads * d;
    const float* value = key + config_.num_kv_heads * d;
    for (int g = 0; g < config_.num_kv_heads; ++g) {
      Rotate(key + g * d, d, Row(cos_, position, half), Row(sin_, position, half));
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
  const int d = config_.head_dim, half = d / 2, group = config_.num_heads / config_.num_kv_heads;
  const float scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(d)));
  const int row_stride = config_.num_heads * head_stride_;
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    const auto position = static_cast<std::size_t>(rows_[r].position);
    for (int h = 0; h < config_.num_heads; ++h) {
      float* query = Row(queries_, r, row_stride) + h * head_stride_;
      const float* from = Row(qkv_, r, qkv_stride_) + h * d;
      for (int i = 0; i < d; ++i) query[i] = from[i] * scale;
      Rotate(query, d, Row(cos_, position, half), Row(sin_, position, half));
    }
  }
  // Head by head, so that siblings find their shared prefix in the cache. The result replaces the
  // query.
  for (int g = 0; g < config_.num_kv_heads; ++g) {
    const std::size_t plane = layer.cache + static_cast<std::size_t>(g) * kv_tokens_ *
                                                static_cast<std::size_t>(head_stride_);
    for (std::size_t r = 0; r < rows_.size(); ++r) {
      float* query = Row(queries_, r, row_stride) + g * group * head_stride_;
      Attend(query, group, head_stride_, keys_.data() + plane, values_.data() + plane,
             rows_[r].slots, rows_[r].position + 1, scores_.data(), query);
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
  return Dot(hidden, value_weight_.data(), config_.hidden_size) + value_bias_;
}

}  // namespace gradus
