#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "workers/models/rope.h"

namespace gradus {

class Settings;

// What sets a family of checkpoints apart from the others. All are the same decoder otherwise:
// RMSNorm, rotary positions, grouped-query attention, SwiGLU.
struct ModelFamily {
  const char* architecture;  // As config.json names it.
  bool qkv_bias;             // q, k and v have biases.
  bool qk_norm;              // Each head's query and key are normalised before they turn.
  bool fused;                // q, k, v are one matrix in the file, gate and up another.
};

// Shape of a decoder, as its config.json says.
struct ModelConfig {
  ModelFamily family = {"Qwen2ForCausalLM", true, false, false};
  int vocab_size = 0;
  int hidden_size = 128;
  int intermediate_size = 256;
  int num_layers = 3;
  int num_heads = 4;
  int num_kv_heads = 2;
  int head_dim = 32;
  int max_positions = 512;
  RopeConfig rope;
  std::vector<int> windows;  // By layer: latest tokens that attention sees, the own one included;
                             // 0: all.
  double rms_norm_eps = 1e-6;
  bool tie_embeddings = true;
};

// Reads config.json of a Hugging Face folder; a missing or unsupported field is an Error that names
// it.
ModelConfig ReadModelConfig(const std::filesystem::path& folder);

// Shape of a model made from nothing (`policy.init: random`).
struct RandomModelOptions {
  int hidden_size = 128;
  int intermediate_size = 256;
  int num_layers = 3;
  int num_heads = 4;
  int num_kv_heads = 2;
  int max_positions = 512;
  std::string alphabet;  // Bytes that get a token; "": all 256. A vocabulary of unused tokens slows
                         // learning.
};
void Bind(Settings& settings, RandomModelOptions& options);

}  // namespace gradus
