#pragma once
#include <ATen/core/Tensor.h>

#include <filesystem>
#include <vector>

#include "workers/models/model_config.h"

namespace gradus {

// One layer on a device. All families end in the same fused matrices, [out, in].
struct DeviceLayer {
  at::Tensor input_norm, post_norm;  // [hidden]
  at::Tensor q_norm, k_norm;         // [d]; undefined: the family has none.
  at::Tensor qkv, qkv_bias;          // Bias undefined: the family has none.
  at::Tensor output, gate_up, down;
  int window = 0;  // Latest tokens that attention sees; 0: all.
};

struct DeviceWeights {
  at::Tensor embedding, head;  // [vocabulary, hidden]; the same tensor when tied.
  at::Tensor final_norm;
  std::vector<DeviceLayer> layers;
  at::Tensor value_weight, value_bias;  // float32 [1, hidden], [1]; undefined: a policy.
};

// Loads a Hugging Face folder's weights as `type`, layer by layer, so that the host never holds
// them all.
DeviceWeights LoadDeviceWeights(const std::filesystem::path& folder, const ModelConfig& config,
                                at::Device device, at::ScalarType type);

// Bytes that the weights take on a device in a type of `element_bytes`.
std::size_t WeightBytes(const ModelConfig& config, std::size_t element_bytes);

}  // namespace gradus
