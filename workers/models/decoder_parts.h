#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "schemas/base/seed.h"
#include "workers/models/model_config.h"

namespace gradus {

inline constexpr const char* kValueHeadFile = "value_head.safetensors";
inline constexpr const char* kValueWeightName = "value_head.weight";
inline constexpr const char* kValueBiasName = "value_head.bias";

// What a parameter is to a decoder. The fused ones hold the rows of several others, in this order.
enum class DecoderPart : std::uint8_t {
  kEmbedding,
  kInputNorm,
  kQ,
  kK,
  kV,
  kQkv,
  kQBias,
  kKBias,
  kVBias,
  kQNorm,
  kKNorm,
  kO,
  kPostNorm,
  kGate,
  kUp,
  kGateUp,
  kDown,
  kFinalNorm,
  kHead,
};

struct ParameterShape {
  std::string name;  // As Hugging Face names it.
  std::vector<std::int64_t> shape;
  DecoderPart part;
  int layer = -1;
};

// Every parameter of a decoder in the order in which gradus lists them: embedding, layers, final
// norm, untied head.
std::vector<ParameterShape> DecoderParameters(const ModelConfig& config);

// Independent N(0, deviation²) draws, the same on every machine.
void FillNormal(float* out, std::size_t count, double deviation, Seed seed);

}  // namespace gradus
