#include "trainer/model/model.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "schemas/base/error.h"
#include "workers/models/decoder_parts.h"
#include "workers/models/folder_weights.h"
#include "workers/models/folder_writer.h"
#include "workers/models/safetensors.h"
#include "workers/models/value_head.h"

namespace gradus {
namespace {

// Where a model keeps a parameter.
at::Tensor& Place(Model& model, const ParameterShape& parameter) {
  using Part = DecoderPart;
  if (parameter.part == Part::kEmbedding) return model.embedding;
  if (parameter.part == Part::kFinalNorm) return model.final_norm;
  if (parameter.part == Part::kHead) return model.lm_head;
  LayerWeights& layer = model.layers.at(static_cast<std::size_t>(parameter.layer));
  switch (parameter.part) {
    case Part::kInputNorm:
      return layer.input_norm;
    case Part::kQ:
      return layer.q;
    case Part::kK:
      return layer.k;
    case Part::kV:
      return layer.v;
    case Part::kQkv:
      return layer.qkv;
    case Part::kQBias:
      return layer.q_bias;
    case Part::kKBias:
      return layer.k_bias;
    case Part::kVBias:
      return layer.v_bias;
    case Part::kQNorm:
      return layer.q_norm;
    case Part::kKNorm:
      return layer.k_norm;
    case Part::kO:
      return layer.o;
    case Part::kPostNorm:
      return layer.post_norm;
    case Part::kGate:
      return layer.gate;
    case Part::kUp:
      return layer.up;
    case Part::kGateUp:
      return layer.gate_up;
    case Part::kDown:
      return layer.down;
    default:
      Fail("no such part of a decoder");
  }
}

FloatTensor View(const std::string& name, const at::Tensor& tensor) {
  Require(tensor.is_contiguous() && tensor.scalar_type() == at::kFloat && tensor.device().is_cpu(),
          "SaveModel needs contiguous float32 tensors in host memory");
  return {name, tensor.sizes().vec(), tensor.const_data_ptr<float>(), TensorType::kF32};
}

}  // namespace

Model LoadModel(const std::filesystem::path& folder) {
  Model model;
  model.config = ReadModelConfig(folder);
  model.layers.resize(static_cast<std::size_t>(model.config.num_layers));
  const FolderWeights weights(folder);
  for (const ParameterShape& parameter : DecoderParameters(model.config)) {
    at::Tensor& tensor = Place(model, parameter) = at::empty(parameter.shape, at::kFloat);
    CopyToFloat(weights.Get(parameter.name, parameter.shape), parameter.name,
                tensor.mutable_data_ptr<float>());
  }
  if (model.config.tie_embeddings) model.lm_head = model.embedding;
  if (const auto head = ReadValueHead(folder, model.config.hidden_size)) {
    model.value_weight = at::tensor(head->weight).unsqueeze(0);
    model.value_bias = at::tensor({head->bias});
  }
  return model;
}

void SaveModel(const Model& model, const std::filesystem::path& folder,
               const std::filesystem::path& like) {
  FolderWriter writer(folder);
  writer.CopyCompanions(like);
  const TensorType type = FolderWeights(like).SavedAs();
  writer.WriteConfig(like, model.config, type);
  std::vector<FloatTensor> body, head;
  for (const auto& [name, tensor] : NamedParameters(model)) {
    const bool value = name == kValueWeightName || name == kValueBiasName;
    (value ? head : body).push_back(View(name, tensor));
    if (!value) body.back().stored_as = type;
  }
  WriteFolderWeights(writer.folder(), std::move(body));
  if (!head.empty()) WriteSafetensors(writer.folder() / kValueHeadFile, std::move(head));
  writer.Publish();
}

void AddValueHead(Model& model, Seed seed) {
  if (model.has_value_head()) return;
  model.value_weight = at::empty({1, model.config.hidden_size}, at::kFloat);
  model.value_bias = at::zeros({1}, at::kFloat);
  FillNormal(model.value_weight.data_ptr<float>(),
             static_cast<std::size_t>(model.value_weight.numel()), 0.02, seed);
}

std::vector<std::pair<std::string, at::Tensor>> NamedParameters(const Model& model) {
  std::vector<std::pair<std::string, at::Tensor>> named;
  Model handles = model;  // The same tensors.
  for (const ParameterShape& parameter : DecoderParameters(model.config)) {
    named.emplace_back(parameter.name, Place(handles, parameter));
  }
  if (model.has_value_head()) {
    named.emplace_back(kValueWeightName, model.value_weight);
    named.emplace_back(kValueBiasName, model.value_bias);
  }
  return named;
}

}  // namespace gradus
