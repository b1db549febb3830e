#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "schemas/base/seed.h"
#include "workers/policy/model_config.h"

namespace gradus {

inline constexpr const char* kValueHeadFile = "value_head.safetensors";
inline constexpr const char* kValueWeightName = "value_head.weight";
inline constexpr const char* kValueBiasName = "value_head.bias";

struct ParameterShape {
  std::string name;  // As Hugging Face names it.
  std::vector<std::int64_t> shape;
};

// Every parameter of a decoder in the order in which gradus lists them: embedding, layers, final
// norm, untied head.
std::vector<ParameterShape> DecoderParameters(const ModelConfig& config);

// Independent N(0, deviation²) draws, the same on every machine.
void FillNormal(float* out, std::size_t count, double deviation, Seed seed);

}  // namespace gradus
