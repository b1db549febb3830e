#include "workers/models/decoder_parts.h"

#include <cmath>
#include <numbers>
#include <utility>

namespace gradus {

namespace {

// Appends the parameters of one layer. Extents: `q` and `kv` rows of all query and key heads.
void AddLayer(const ModelConfig& c, int index, std::vector<ParameterShape>& list) {
  using Part = DecoderPart;
  const std::int64_t hidden = c.hidden_size, ffn = c.intermediate_size, head = c.head_dim;
  const std::int64_t q = c.num_heads * head, kv = c.num_kv_heads * head;
  const std::string layer = "model.layers." + std::to_string(index) + ".";
  const auto add = [&](Part part, const char* name, std::vector<std::int64_t> shape) {
    list.push_back({layer + name, std::move(shape), part, index});
  };
  const auto project = [&](Part weight, Part bias, const std::string& name, std::int64_t rows) {
    add(weight, ("self_attn." + name + ".weight").c_str(), {rows, hidden});
    if (c.family.qkv_bias) add(bias, ("self_attn." + name + ".bias").c_str(), {rows});
  };
  add(Part::kInputNorm, "input_layernorm.weight", {hidden});
  if (c.family.fused) {
    add(Part::kQkv, "self_attn.qkv_proj.weight", {q + 2 * kv, hidden});
  } else {
    project(Part::kQ, Part::kQBias, "q_proj", q);
    project(Part::kK, Part::kKBias, "k_proj", kv);
    project(Part::kV, Part::kVBias, "v_proj", kv);
  }
  if (c.family.qk_norm) {
    add(Part::kQNorm, "self_attn.q_norm.weight", {head});
    add(Part::kKNorm, "self_attn.k_norm.weight", {head});
  }
  add(Part::kO, "self_attn.o_proj.weight", {hidden, q});
  add(Part::kPostNorm, "post_attention_layernorm.weight", {hidden});
  if (c.family.fused) {
    add(Part::kGateUp, "mlp.gate_up_proj.weight", {2 * ffn, hidden});
  } else {
    add(Part::kGate, "mlp.gate_proj.weight", {ffn, hidden});
    add(Part::kUp, "mlp.up_proj.weight", {ffn, hidden});
  }
  add(Part::kDown, "mlp.down_proj.weight", {hidden, ffn});
}

}  // namespace

std::vector<ParameterShape> DecoderParameters(const ModelConfig& c) {
  const std::int64_t hidden = c.hidden_size, vocab = c.vocab_size;
  std::vector<ParameterShape> list = {
      {"model.embed_tokens.weight", {vocab, hidden}, DecoderPart::kEmbedding}};
  for (int i = 0; i < c.num_layers; ++i) AddLayer(c, i, list);
  list.push_back({"model.norm.weight", {hidden}, DecoderPart::kFinalNorm});
  if (!c.tie_embeddings) list.push_back({"lm_head.weight", {vocab, hidden}, DecoderPart::kHead});
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
