#include "workers/engine/gpu/device_weights.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>

#include <map>

#include "workers/models/decoder_parts.h"
#include "workers/models/folder_weights.h"
#include "workers/models/safetensors.h"
#include "workers/models/value_head.h"

namespace gradus {
namespace {

using Parts = std::map<DecoderPart, at::Tensor>;

// The parts that are there, one below the other; undefined when none is.
at::Tensor Stacked(const Parts& parts, const std::vector<DecoderPart>& wanted) {
  std::vector<at::Tensor> found;
  for (const DecoderPart part : wanted) {
    const auto entry = parts.find(part);
    if (entry != parts.end()) found.push_back(entry->second);
  }
  if (found.empty()) return {};
  return found.size() == 1 ? found[0] : at::cat(found);
}

DeviceLayer MakeLayer(const Parts& parts) {
  using Part = DecoderPart;
  DeviceLayer layer;
  layer.input_norm = Stacked(parts, {Part::kInputNorm});
  layer.post_norm = Stacked(parts, {Part::kPostNorm});
  layer.q_norm = Stacked(parts, {Part::kQNorm});
  layer.k_norm = Stacked(parts, {Part::kKNorm});
  layer.qkv = Stacked(parts, {Part::kQkv, Part::kQ, Part::kK, Part::kV});
  layer.qkv_bias = Stacked(parts, {Part::kQBias, Part::kKBias, Part::kVBias});
  layer.output = Stacked(parts, {Part::kO});
  layer.gate_up = Stacked(parts, {Part::kGateUp, Part::kGate, Part::kUp});
  layer.down = Stacked(parts, {Part::kDown});
  return layer;
}

}  // namespace

DeviceWeights LoadDeviceWeights(const std::filesystem::path& folder, const ModelConfig& config,
                                at::Device device, at::ScalarType type) {
  const FolderWeights files(folder);
  std::map<int, Parts> layers;
  Parts top;
  for (const ParameterShape& parameter : DecoderParameters(config)) {
    Parts& parts = parameter.layer < 0 ? top : layers[parameter.layer];
    const at::Tensor tensor = at::empty(parameter.shape, at::kFloat);
    CopyToFloat(files.Get(parameter.name, parameter.shape), parameter.name,
                tensor.mutable_data_ptr<float>());
    parts[parameter.part] = tensor.to(device, type);
  }
  DeviceWeights weights;
  weights.embedding = top.at(DecoderPart::kEmbedding);
  weights.final_norm = top.at(DecoderPart::kFinalNorm);
  weights.head = config.tie_embeddings ? weights.embedding : top.at(DecoderPart::kHead);
  for (int i = 0; i < config.num_layers; ++i) {
    weights.layers.push_back(MakeLayer(layers.at(i)));
    layers.erase(i);
    weights.layers.back().window = config.windows.at(static_cast<std::size_t>(i));
  }
  if (const auto head = ReadValueHead(folder, config.hidden_size)) {
    weights.value_weight = at::tensor(head->weight).unsqueeze(0).to(device);
    weights.value_bias = at::tensor({head->bias}).to(device);
  }
  return weights;
}

std::size_t WeightBytes(const ModelConfig& config, std::size_t element_bytes) {
  std::size_t elements = 0;
  for (const ParameterShape& parameter : DecoderParameters(config)) {
    std::size_t count = 1;
    for (const std::int64_t extent : parameter.shape) count *= static_cast<std::size_t>(extent);
    elements += count;
  }
  return elements * element_bytes;
}

}  // namespace gradus
