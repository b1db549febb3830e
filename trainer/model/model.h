#pragma once
#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "schemas/base/seed.h"
#include "trainer/model/packed_tokens.h"
#include "workers/models/model_config.h"

namespace gradus {

// One decoder layer's parameters, Hugging Face layout [out, in], fp32 on CPU.
struct LayerWeights {
  at::Tensor input_norm, post_norm;  // [hidden]
  // [heads·d, hidden], [kv·d, hidden], [kv·d, hidden]; a fused family has their rows in `qkv`.
  at::Tensor q, k, v, qkv;
  at::Tensor q_bias, k_bias, v_bias;  // [rows]; of families with qkv_bias.
  at::Tensor q_norm, k_norm;          // [d]; of families with qk_norm.
  at::Tensor o;                       // [hidden, heads·d]
  at::Tensor gate, up, gate_up;       // [ffn, hidden] each; a fused family has both in `gate_up`.
  at::Tensor down;                    // [hidden, ffn]
};

// A whole model as values: the same tensors serve inference and training (no torch::nn module).
struct Model {
  ModelConfig config;
  at::Tensor embedding;  // [vocab, hidden]
  std::vector<LayerWeights> layers;
  at::Tensor final_norm;                // [hidden]
  at::Tensor lm_head;                   // [vocab, hidden]; the embedding itself when tied
  at::Tensor value_weight, value_bias;  // PPM head: [1, hidden], [1]; undefined for a policy
  bool has_value_head() const { return value_weight.defined(); }
};

// Loads config.json + model.safetensors (single or sharded; value_head.safetensors if present) as
// fp32.
Model LoadModel(const std::filesystem::path& folder);
// Writes weights and config; copies tokenizer and other files of `like` byte for byte; atomic
// (temporary folder + rename). Weights are stored in the type that `like` has, the value head
// always as float32.
void SaveModel(const Model& model, const std::filesystem::path& folder,
               const std::filesystem::path& like);
// Adds a fresh scalar head: weight ~ N(0, 0.02²) from the seed, bias 0 (kept if the model already
// has one).
void AddValueHead(Model& model, Seed seed);
// All distinct parameters by Hugging Face name, in a fixed order (tied head once; value head last
// if present).
std::vector<std::pair<std::string, at::Tensor>> NamedParameters(const Model& model);

// Training forward over a pack: final-norm hidden states [tokens, hidden] with autograd, on the
// device and in the type of the weights (float32, bfloat16 or float64). Deterministic on CPU: a
// pack's bits depend on the pack alone. `recompute` keeps only each layer's input for the backward
// pass and computes the rest again: the same bits, about a third more work, a fraction of the
// memory. The model must outlive the backward pass.
at::Tensor ForwardHidden(const Model& model, const PackedTokens& pack, bool recompute = false);
// [N, hidden] → [N, vocab].
at::Tensor Logits(const Model& model, const at::Tensor& hidden);
// [N, hidden] → [N]: raw linear head output, no tanh.
at::Tensor RawValues(const Model& model, const at::Tensor& hidden);

}  // namespace gradus
