#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace gradus {

class Settings;

// Shape of a Qwen2-family decoder, as its config.json says.
struct ModelConfig {
  int vocab_size = 0;
  int hidden_size = 128;
  int intermediate_size = 256;
  int num_layers = 3;
  int num_heads = 4;
  int num_kv_heads = 2;
  int head_dim = 32;
  int max_positions = 512;
  double rope_theta = 10000;
  double rms_norm_eps = 1e-6;
  bool tie_embeddings = true;
  bool qkv_bias = true;
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
