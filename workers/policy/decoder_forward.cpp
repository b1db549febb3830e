#include <ATen/ATen.h>

#include <cmath>

#include "schemas/base/error.h"
#include "workers/policy/model.h"

namespace gradus {
namespace {

struct RopeTables {
  at::Tensor cos, sin;  // [T, 1, head_dim / 2]
};

RopeTables MakeRopeTables(const ModelConfig& config, std::int64_t length) {
  const int half = config.head_dim / 2;
  at::Tensor cos = at::empty({length, 1, half}, at::kFloat), sin = at::empty_like(cos);
  float* c = cos.data_ptr<float>();
  float* s = sin.data_ptr<float>();
  for (int i = 0; i < half; ++i) {
    const float frequency =
        static_cast<float>(1.0 / std::pow(config.rope_theta, 2.0 * i / config.head_dim));
    for (std::int64_t t = 0; t < length; ++t) {
      const float angle = static_cast<float>(t) * frequency;
      c[t * half + i] = std::cos(angle);
      s[t * half + i] = std::sin(angle);
    }
  }
  return {cos, sin};
}

at::Tensor Norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  return at::rms_norm(x, {x.size(-1)}, weight, eps);
}

// x [B, T, heads, d]: rotates the halves of each head against each other.
at::Tensor Rotate(const at::Tensor& x, const RopeTables& rope) {
  const std::int64_t half = x.size(-1) / 2;
  const at::Tensor low = x.narrow(-1, 0, half), high = x.narrow(-1, half, half);
  return at::cat({low * rope.cos - high * rope.sin, high * rope.cos + low * rope.sin}, -1);
}

at::Tensor Attention(const at::Tensor& x, const LayerWeights& w, const ModelConfig& c,
                     const RopeTables& rope) {
  const std::int64_t batch = x.size(0), length = x.size(1);
  const auto heads = [&](const at::Tensor& weight, const at::Tensor& bias, int count) {
    return at::linear(x, weight, bias).view({batch, length, count, c.head_dim});
  };
  const at::Tensor q = Rotate(heads(w.q, w.q_bias, c.num_heads), rope).transpose(1, 2);
  const at::Tensor k = Rotate(heads(w.k, w.k_bias, c.num_kv_heads), rope).transpose(1, 2);
  const at::Tensor v = heads(w.v, w.v_bias, c.num_kv_heads).transpose(1, 2);
  const at::Tensor mixed = at::scaled_dot_product_attention(q, k, v, {}, 0.0, true, std::nullopt,
                                                            c.num_heads != c.num_kv_heads);
  return at::linear(mixed.transpose(1, 2).reshape({batch, length, -1}), w.o);
}

at::Tensor FeedForward(const at::Tensor& x, const LayerWeights& w) {
  return at::linear(at::silu(at::linear(x, w.gate)) * at::linear(x, w.up), w.down);
}

}  // namespace

at::Tensor ForwardHidden(const Model& model, const at::Tensor& tokens, const at::Tensor& lengths) {
  const ModelConfig& c = model.config;
  Require(tokens.dim() == 2 && lengths.dim() == 1 && tokens.size(0) == lengths.size(0),
          "ForwardHidden: tokens must be [B, T] and lengths [B]");
  const RopeTables rope = MakeRopeTables(c, tokens.size(1));
  at::Tensor x = at::embedding(model.embedding, tokens);
  for (const LayerWeights& layer : model.layers) {
    x = x + Attention(Norm(x, layer.input_norm, c.rms_norm_eps), layer, c, rope);
    x = x + FeedForward(Norm(x, layer.post_norm, c.rms_norm_eps), layer);
  }
  return Norm(x, model.final_norm, c.rms_norm_eps);
}

at::Tensor Logits(const Model& model, const at::Tensor& hidden) {
  return at::linear(hidden, model.lm_head);
}

at::Tensor RawValues(const Model& model, const at::Tensor& hidden) {
  Require(model.has_value_head(), "RawValues: this model has no value head");
  return at::linear(hidden, model.value_weight, model.value_bias).squeeze(-1);
}

}  // namespace gradus
