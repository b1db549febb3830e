#pragma once
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "workers/policy/cpu_kernels.h"
#include "workers/policy/decoder_parts.h"
#include "workers/policy/model_config.h"

namespace gradus {

// One token of some sequence, to be computed. slots[0 … position] are the arena slots of its path,
// its own last; they must stay valid during the pass.
struct TokenRow {
  std::int32_t token = 0;
  int position = 0;
  const std::int32_t* slots = nullptr;
  int rope_table = 0;   // RopeConfig::TableOf its sequence's length.
  bool output = false;  // Its final hidden state is wanted.
};

// A decoder's weights, packed for the CPU kernels, with its key/value arena: one pass computes any
// mix of rows of many sequences. Not thread-safe.
class CpuDecoder {
 public:
  // `max_rows` bounds the rows of one pass, `kv_tokens` the slots of the arena.
  CpuDecoder(const std::filesystem::path& folder, int max_rows, int kv_tokens);

  // Computes all rows, writes their keys and values into the arena and returns how many final
  // hidden states, those of the rows with `output` in order, are ready for Logits and RawValue. A
  // row may read the keys of other rows of the same pass.
  int Forward(std::span<const TokenRow> rows);

  static constexpr int kLogitRows = 96;  // Outputs per Logits call.
  // Logits of outputs [first, first + count): row i at the result + i · logit_stride().
  const float* Logits(int first, int count);
  int logit_stride() const { return head_.stride(); }
  float RawValue(int output) const;

  const ModelConfig& config() const { return config_; }
  bool has_value_head() const { return has_value_head_; }
  // Longest sequence: what the model allows and the arena can hold.
  int max_length() const { return max_length_; }

 private:
  struct Layer {
    std::vector<float> input_norm, post_norm;
    std::vector<float> q_norm, k_norm;  // Empty: the family has none.
    int window = 0;                     // Latest tokens that attention sees; 0: all.
    PackedMatrix qkv, output, gate_up, down;
    FloatBuffer qkv_bias;
    std::size_t cache = 0;  // Offset of this layer's keys in the arenas.
  };
  void LoadWeights(const std::filesystem::path& folder);
  void LoadValueHead(const std::filesystem::path& folder);
  void MakeLayer(int index);
  void TakeParameter(const ParameterShape& parameter, std::vector<float> values);
  void TakeLayerParameter(Layer& layer, const ParameterShape& parameter, std::vector<float> values);
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
  bool has_value_head_ = false;
  std::vector<float> embedding_, final_norm_, value_weight_;
  float value_bias_ = 0;
  std::vector<Layer> layers_;
  PackedMatrix head_;
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
