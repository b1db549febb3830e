#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <vector>

#include "workers/compute/cpu_kernels.h"
#include "workers/engine/decoder_backend.h"
#include "workers/models/decoder_parts.h"
#include "workers/models/model_config.h"
#include "workers/models/shared_floats.h"
#include "workers/models/value_head.h"

namespace gradus {

// The decoder on one CPU core, in float32: a row's bits depend on the row alone, never on the
// others of the pass.
class CpuDecoder final : public DecoderBackend {
 public:
  // `max_rows` bounds the rows of one pass, `kv_tokens` the slots of the arena. The large weights
  // are shared through `shared_folder` by the processes of the host whose model has the same
  // `digest`;
  // "": in private memory.
  CpuDecoder(const std::filesystem::path& folder, int max_rows, int kv_tokens,
             const std::filesystem::path& shared_folder = {}, const std::string& digest = {});

  const ModelConfig& config() const override { return config_; }
  bool has_value_head() const override { return value_head_.has_value(); }
  int kv_tokens() const override { return static_cast<int>(kv_tokens_); }
  SlotLayout layout() const override { return SlotLayout::kAny; }
  int max_steps() const override { return 1; }
  void Compute(const Pass& pass, PassResult& result) override;

 private:
  static constexpr int kLogitRows = 96;  // Outputs per Logits call.
  struct Layer {
    std::vector<float> input_norm, post_norm;
    std::vector<float> q_norm, k_norm;  // Empty: the family has none.
    int window = 0;                     // Latest tokens that attention sees; 0: all.
    PackedMatrix qkv, output, gate_up, down;
    FloatBuffer qkv_bias;
    std::size_t cache = 0;  // Offset of this layer's keys in the arenas.
  };
  // Computes all rows and returns how many final hidden states, those of the rows with `output` in
  // order, are ready for Logits and RawValue.
  int Forward(std::span<const TokenRow> rows);
  // Logits of outputs [first, first + count): row i at the result + i · head_.stride().
  const float* Logits(int first, int count);
  float RawValue(int output) const;
  void Grant(const OutputWish& wish, int output, const float* logits, PassResult& result);
  void LoadWeights(const std::filesystem::path& folder, const std::filesystem::path& shared_folder,
                   const std::string& digest);
  std::size_t PlaceWeights(const float* base);
  void ReadParameters(const std::filesystem::path& folder, float* base);
  void MakeLayer(int index);
  void TakeParameter(const ParameterShape& parameter, std::vector<float> values, float* base);
  void TakeLayerParameter(Layer& layer, const ParameterShape& parameter, std::vector<float> values,
                          float* base);
  void MakeBuffers(int max_rows, int kv_tokens);
  void MakeRotations();
  void Embed(std::span<const TokenRow> rows);
  void RunLayer(Layer& layer, bool last);
  void TurnHead(float* head, const std::vector<float>& norm, const TokenRow& row) const;
  void StoreKeys(const Layer& layer);
  void AttendRows(const Layer& layer);
  void FeedForward(const Layer& layer);
  void KeepOutputs();
  int PaddedRows() const { return RoundUp(static_cast<int>(rows_.size()), PackedMatrix::kTile); }

  ModelConfig config_;
  std::optional<ValueHead> value_head_;
  SharedFloats packed_;               // What embedding_ and all matrices point into.
  const float* embedding_ = nullptr;  // [vocabulary, hidden]
  std::vector<float> final_norm_;
  std::vector<Layer> layers_;
  PackedMatrix head_;
  TokenSampler sampler_;
  int max_length_ = 0;

  int head_stride_ = 0;  // head_dim padded to whole vectors.
  int hidden_stride_ = 0, qkv_stride_ = 0, query_stride_ = 0, gate_stride_ = 0, ffn_stride_ = 0;
  std::size_t kv_tokens_ = 0;
  FloatBuffer keys_, values_;  // [layer][kv head][slot][head_stride]
  FloatBuffer cos_, sin_;      // [rope table][position][turning dimensions / 2]
  FloatBuffer hidden_, normed_, qkv_, queries_, mixed_, gate_up_, active_, logits_, scores_;
  std::vector<TokenRow> rows_;  // Of the running pass.
};

}  // namespace gradus
