#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "schemas/base/error.h"
#include "trainer/model/model.h"
#include "trainer/model/training_functions.h"

namespace gradus {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

PackLayoutPtr LayoutOf(const RopeConfig& rope, const PackedTokens& pack, const at::Device& device) {
  auto layout = c10::make_intrusive<PackLayout>();
  layout->segments = pack.segments();
  layout->rotations = RotationsOf(rope, pack);
  const auto rows = [&](std::vector<float>& values) {
    // A copy: gradients come back when the layout may be gone.
    return at::from_blob(values.data(), {pack.size(), 1, rope.dims / 2}, at::kFloat)
        .to(device, at::kFloat, false, true);
  };
  layout->cos = rows(layout->rotations.cos);
  layout->sin = rows(layout->rotations.sin);
  return layout;
}

// q, k, v [tokens, heads · d] before they turn.
std::array<at::Tensor, 3> Project(const at::Tensor& x, const LayerWeights& w,
                                  const ModelConfig& c) {
  if (!c.family.fused) {
    return {at::linear(x, w.q, w.q_bias), at::linear(x, w.k, w.k_bias),
            at::linear(x, w.v, w.v_bias)};
  }
  const std::int64_t q = std::int64_t{c.num_heads} * c.head_dim;
  const std::int64_t kv = std::int64_t{c.num_kv_heads} * c.head_dim;
  const at::Tensor all = at::linear(x, w.qkv);
  return {all.narrow(-1, 0, q), all.narrow(-1, q, kv), all.narrow(-1, q + kv, kv)};
}

at::Tensor NormHeads(const at::Tensor& x, const at::Tensor& weight, const ModelConfig& c) {
  const at::Tensor heads = x.reshape({x.size(0), -1, c.head_dim});
  return NormRows(heads, weight, c.rms_norm_eps).flatten(1, 2);
}

at::Tensor Attention(const at::Tensor& x, const LayerWeights& w, const ModelConfig& c,
                     const PackLayoutPtr& layout, int window) {
  auto [q, k, v] = Project(x, w, c);
  if (c.family.qk_norm) {
    q = NormHeads(q, w.q_norm, c);
    k = NormHeads(k, w.k_norm, c);
  }
  return PackedAttention(q, k, v, layout,
                         {c.num_heads, c.num_kv_heads, c.head_dim, c.rope.dims, window});
}

at::Tensor Gated(const at::Tensor& x, const LayerWeights& w, const ModelConfig& c) {
  if (!c.family.fused) return GatedUnit(at::linear(x, w.gate), at::linear(x, w.up));
  const std::vector<at::Tensor> halves = at::linear(x, w.gate_up).chunk(2, -1);
  return GatedUnit(halves[0], halves[1]);
}

at::Tensor ForwardLayer(const at::Tensor& x, const Model& model, std::size_t index,
                        const PackLayoutPtr& layout) {
  const ModelConfig& c = model.config;
  const LayerWeights& w = model.layers[index];
  const at::Tensor mixed =
      Attention(NormRows(x, w.input_norm, c.rms_norm_eps), w, c, layout, c.windows[index]);
  const at::Tensor middle = at::addmm(x, mixed, w.o.t());
  const at::Tensor gated = Gated(NormRows(middle, w.post_norm, c.rms_norm_eps), w, c);
  return at::addmm(middle, gated, w.down.t());
}

std::vector<at::Tensor> ParametersOf(const LayerWeights& w) {
  std::vector<at::Tensor> defined;
  for (const at::Tensor& tensor :
       {w.input_norm, w.post_norm, w.q, w.k, w.v, w.qkv, w.q_bias, w.k_bias, w.v_bias, w.q_norm,
        w.k_norm, w.o, w.gate, w.up, w.gate_up, w.down}) {
    if (tensor.defined()) defined.push_back(tensor);
  }
  return defined;
}

struct LayerCall : torch::CustomClassHolder {
  LayerCall(const Model& of, std::size_t of_layer, PackLayoutPtr of_pack)
      : model(of), layer(of_layer), layout(std::move(of_pack)) {}
  const Model& model;
  std::size_t layer;
  PackLayoutPtr layout;
};

// A layer that keeps its input alone and computes everything else again when gradients come back
// (activation checkpointing, arXiv 1604.06174). The same operations run on the same values, so the
// bits are those of ForwardLayer.
struct RecomputedLayer : torch::autograd::Function<RecomputedLayer> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x,
                            at::TensorList parameters, const c10::intrusive_ptr<LayerCall>& call) {
    variable_list saved = {x};
    saved.insert(saved.end(), parameters.begin(), parameters.end());
    context->save_for_backward(saved);
    context->saved_data["call"] = c10::IValue::make_capsule(call);
    return ForwardLayer(x, call->model, call->layer, call->layout);
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    variable_list inputs = context->get_saved_variables();
    const auto holder = context->saved_data["call"].toCapsule();
    const auto& call = static_cast<const LayerCall&>(*holder);
    const at::AutoGradMode with_gradients(true);
    inputs[0] = inputs[0].detach().requires_grad_(true);
    const at::Tensor out = ForwardLayer(inputs[0], call.model, call.layer, call.layout);
    variable_list result = torch::autograd::grad({out}, inputs, {gradients[0]});
    result.emplace_back();  // Of `call`.
    return result;
  }
};

}  // namespace

at::Tensor ForwardHidden(const Model& model, const PackedTokens& pack, bool recompute) {
  Require(pack.size() > 0, "ForwardHidden: an empty pack");
  const at::Device device = model.embedding.device();
  const PackLayoutPtr layout = LayoutOf(model.config.rope, pack, device);
  at::Tensor tokens = at::empty({pack.size()}, at::kLong);
  std::copy(pack.tokens().begin(), pack.tokens().end(), tokens.mutable_data_ptr<std::int64_t>());
  at::Tensor x = at::embedding(model.embedding, tokens.to(device));
  const bool again = recompute && at::GradMode::is_enabled();
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    if (!again) {
      x = ForwardLayer(x, model, i, layout);
      continue;
    }
    const std::vector<at::Tensor> parameters = ParametersOf(model.layers[i]);
    x = RecomputedLayer::apply(x, at::TensorList(parameters),
                               c10::make_intrusive<LayerCall>(model, i, layout));
  }
  return NormRows(x, model.final_norm, model.config.rms_norm_eps);
}

at::Tensor Logits(const Model& model, const at::Tensor& hidden) {
  return at::linear(hidden, model.lm_head);
}

at::Tensor RawValues(const Model& model, const at::Tensor& hidden) {
  Require(model.has_value_head(), "RawValues: this model has no value head");
  return at::linear(hidden, model.value_weight, model.value_bias).squeeze(-1);
}

}  // namespace gradus
