#include "workers/policy/model.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "schemas/base/error.h"
#include "workers/policy/decoder_names.h"
#include "workers/policy/folder_writer.h"
#include "workers/policy/safetensors.h"

namespace gradus {
namespace {

at::Tensor ToTensor(const StoredTensor& stored, const std::string& name) {
  at::Tensor tensor = at::empty(stored.shape, at::kFloat);
  CopyToFloat(stored, name, tensor.data_ptr<float>());
  return tensor;
}

// Calls visit(name, tensor, shape) for every parameter of a decoder in the fixed order of
// NamedParameters.
template <class ModelLike, class Visit>
void VisitParameters(ModelLike& model, Visit visit) {
  const ModelConfig& c = model.config;
  const std::vector<ParameterShape> shapes = DecoderParameters(c);
  std::size_t next = 0;
  const auto one = [&](auto& tensor) {
    visit(shapes[next].name, tensor, shapes[next].shape);
    ++next;
  };
  one(model.embedding);
  for (auto& layer : model.layers) {
    one(layer.input_norm);
    one(layer.q);
    if (c.qkv_bias) one(layer.q_bias);
    one(layer.k);
    if (c.qkv_bias) one(layer.k_bias);
    one(layer.v);
    if (c.qkv_bias) one(layer.v_bias);
    one(layer.o);
    one(layer.post_norm);
    one(layer.gate);
    one(layer.up);
    one(layer.down);
  }
  one(model.final_norm);
  if (!c.tie_embeddings) one(model.lm_head);
  Require(next == shapes.size(), "parameter list and model disagree");
}

void LoadValueHead(Model& model, const std::filesystem::path& path) {
  const SafetensorsFile file(path);
  const auto get = [&](const char* name, const std::vector<std::int64_t>& shape) {
    const auto found = file.tensors().find(name);
    if (found == file.tensors().end() || found->second.shape != shape) {
      Fail("{}: {} is missing or has the wrong shape", path.string(), name);
    }
    return ToTensor(found->second, name);
  };
  model.value_weight = get(kValueWeightName, {1, model.config.hidden_size});
  model.value_bias = get(kValueBiasName, {1});
}

FloatTensor View(const std::string& name, const at::Tensor& tensor) {
  Require(tensor.is_contiguous() && tensor.scalar_type() == at::kFloat && tensor.device().is_cpu(),
          "SaveModel needs contiguous float32 tensors in host memory");
  return {name, tensor.sizes().vec(), tensor.const_data_ptr<float>()};
}

}  // namespace

Model LoadModel(const std::filesystem::path& folder) {
  Model model;
  model.config = ReadModelConfig(folder);
  model.layers.resize(static_cast<std::size_t>(model.config.num_layers));
  const FolderWeights weights(folder);
  VisitParameters(model, [&](const std::string& name, at::Tensor& tensor,
                             const std::vector<std::int64_t>& shape) {
    tensor = ToTensor(weights.Get(name, shape), name);
  });
  if (model.config.tie_embeddings) model.lm_head = model.embedding;
  if (std::filesystem::exists(folder / kValueHeadFile)) {
    LoadValueHead(model, folder / kValueHeadFile);
  }
  return model;
}

void SaveModel(const Model& model, const std::filesystem::path& folder,
               const std::filesystem::path& like) {
  FolderWriter writer(folder);
  writer.CopyCompanions(like);
  writer.WriteConfig(like, model.config);
  std::vector<FloatTensor> body, head;
  for (const auto& [name, tensor] : NamedParameters(model)) {
    const bool value = name == kValueWeightName || name == kValueBiasName;
    (value ? head : body).push_back(View(name, tensor));
  }
  WriteSafetensors(writer.folder() / "model.safetensors", std::move(body));
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
  VisitParameters(model,
                  [&](const std::string& name, const at::Tensor& tensor,
                      const std::vector<std::int64_t>&) { named.emplace_back(name, tensor); });
  if (model.has_value_head()) {
    named.emplace_back(kValueWeightName, model.value_weight);
    named.emplace_back(kValueBiasName, model.value_bias);
  }
  return named;
}

}  // namespace gradus
