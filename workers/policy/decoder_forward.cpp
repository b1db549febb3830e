#include <ATen/ATen.h>

#include <array>
#include <optional>
#include <vector>

#include "schemas/base/error.h"
#include "workers/policy/model.h"

namespace gradus {
namespace {

struct RopeTables {
  at::Tensor cos, sin;  // [T, 1, dims / 2], or [B, T, 1, dims / 2] where rows turn differently.
};

RopeTables MakeRopeTable(const RopeConfig& rope, int table, std::int64_t length) {
  const at::Tensor cos = at::empty({length, 1, rope.dims / 2}, at::kFloat);
  const at::Tensor sin = at::empty_like(cos);
  FillRotations(rope, table, static_cast<int>(length), cos.data_ptr<float>(),
                sin.data_ptr<float>());
  return {cos, sin};
}

RopeTables MakeRopeTables(const RopeConfig& rope, std::int64_t length, const at::Tensor& lengths) {
  const RopeTables first = MakeRopeTable(rope, 0, length);
  if (rope.tables() == 1) return first;
  const RopeTables second = MakeRopeTable(rope, 1, length);
  std::vector<at::Tensor> cos, sin;
  for (std::int64_t b = 0; b < lengths.size(0); ++b) {
    const bool later = rope.TableOf(static_cast<int>(lengths[b].item<std::int64_t>())) == 1;
    cos.push_back(later ? second.cos : first.cos);
    sin.push_back(later ? second.sin : first.sin);
  }
  return {at::stack(cos), at::stack(sin)};
}

at::Tensor Norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  return at::rms_norm(x, {x.size(-1)}, weight, eps);
}

// x [B, T, heads, d]: turns the halves of each head's leading dimensions against each other.
at::Tensor Rotate(const at::Tensor& x, const RopeTables& rope) {
  const std::int64_t half = rope.cos.size(-1), rest = x.size(-1) - 2 * half;
  const at::Tensor low = x.narrow(-1, 0, half), high = x.narrow(-1, half, half);
  std::vector<at::Tensor> parts = {low * rope.cos - high * rope.sin,
                                   high * rope.cos + low * rope.sin};
  if (rest > 0) parts.push_back(x.narrow(-1, 2 * half, rest));
  return at::cat(parts, -1).to(x.scalar_type());
}

// q, k, v [B, T, heads · d] before they turn.
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

// What queries see of keys, [T, T]: the latest `window` tokens. Undefined: all that came before.
std::optional<at::Tensor> WindowMask(int window, std::int64_t length) {
  if (window == 0 || length <= window) return std::nullopt;
  return at::ones({length, length}, at::kBool).tril().triu(1 - std::int64_t{window});
}

at::Tensor Attention(const at::Tensor& x, const LayerWeights& w, const ModelConfig& c,
                     const RopeTables& rope, int window) {
  const std::int64_t batch = x.size(0), length = x.size(1);
  auto [q, k, v] = Project(x, w, c);
  q = q.reshape({batch, length, c.num_heads, c.head_dim});
  k = k.reshape({batch, length, c.num_kv_heads, c.head_dim});
  v = v.reshape({batch, length, c.num_kv_heads, c.head_dim});
  if (c.family.qk_norm) {
    q = Norm(q, w.q_norm, c.rms_norm_eps);
    k = Norm(k, w.k_norm, c.rms_norm_eps);
  }
  q = Rotate(q, rope).transpose(1, 2);
  k = Rotate(k, rope).transpose(1, 2);
  const std::optional<at::Tensor> mask = WindowMask(window, length);
  const at::Tensor mixed = at::scaled_dot_product_attention(
      q, k, v.transpose(1, 2), mask, 0.0, !mask, std::nullopt, c.num_heads != c.num_kv_heads);
  return at::linear(mixed.transpose(1, 2).reshape({batch, length, -1}), w.o);
}

at::Tensor FeedForward(const at::Tensor& x, const LayerWeights& w, const ModelConfig& c) {
  if (!c.family.fused) {
    return at::linear(at::silu(at::linear(x, w.gate)) * at::linear(x, w.up), w.down);
  }
  const std::vector<at::Tensor> halves = at::linear(x, w.gate_up).chunk(2, -1);
  return at::linear(at::silu(halves[0]) * halves[1], w.down);
}

}  // namespace

at::Tensor ForwardHidden(const Model& model, const at::Tensor& tokens, const at::Tensor& lengths) {
  const ModelConfig& c = model.config;
  Require(tokens.dim() == 2 && lengths.dim() == 1 && tokens.size(0) == lengths.size(0),
          "ForwardHidden: tokens must be [B, T] and lengths [B]");
  const RopeTables rope = MakeRopeTables(c.rope, tokens.size(1), lengths);
  at::Tensor x = at::embedding(model.embedding, tokens);
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    const LayerWeights& layer = model.layers[i];
    x = x + Attention(Norm(x, layer.input_norm, c.rms_norm_eps), layer, c, rope, c.windows[i]);
    x = x + FeedForward(Norm(x, layer.post_norm, c.rms_norm_eps), layer, c);
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
