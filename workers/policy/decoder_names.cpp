#include "workers/policy/decoder_names.h"

#include <cmath>
#include <numbers>

namespace gradus {

std::vector<ParameterShape> DecoderParameters(const ModelConfig& c) {
  const std::int64_t hidden = c.hidden_size, ffn = c.intermediate_size, vocab = c.vocab_size;
  const std::int64_t q = static_cast<std::int64_t>(c.num_heads) * c.head_dim;
  const std::int64_t kv = static_cast<std::int64_t>(c.num_kv_heads) * c.head_dim;
  std::vector<ParameterShape> list = {{"model.embed_tokens.weight", {vocab, hidden}}};
  for (int i = 0; i < c.num_layers; ++i) {
    const std::string layer = "model.layers." + std::to_string(i) + ".";
    const auto projection = [&](const char* name, std::int64_t rows) {
      const std::string base = layer + "self_attn." + name;
      list.push_back({base + ".weight", {rows, hidden}});
      if (c.qkv_bias) list.push_back({base + ".bias", {rows}});
    };
    list.push_back({layer + "input_layernorm.weight", {hidden}});
    projection("q_proj", q);
    projection("k_proj", kv);
    projection("v_proj", kv);
    list.push_back({layer + "self_attn.o_proj.weight", {hidden, q}});
    list.push_back({layer + "post_attention_layernorm.weight", {hidden}});
    list.push_back({layer + "mlp.gate_proj.weight", {ffn, hidden}});
    list.push_back({layer + "mlp.up_proj.weight", {ffn, hidden}});
    list.push_back({layer + "mlp.down_proj.weight", {hidden, ffn}});
  }
  list.push_back({"model.norm.weight", {hidden}});
  if (!c.tie_embeddings) list.push_back({"lm_head.weight", {vocab, hidden}});
  return list;
}

void FillNormal(float* out, std::size_t count, double deviation, Seed seed) {
  Random random(seed);
  for (std::size_t i = 0; i < count; i += 2) {
    const double radius = deviation * std::sqrt(-2 * std::log(random.Uniform()));
    const double angle = 2 * std::numbers::pi * random.Uniform();
    out[i] = static_cast<float>(radius * std::cos(angle));
    if (i + 1 < count) out[i + 1] = static_cast<float>(radius * std::sin(angle));
  }
}

}  // namespace gradus
