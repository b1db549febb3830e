#include "workers/models/model_config.h"

#include <algorithm>
#include <string>

#include "schemas/base/error.h"
#include "schemas/base/settings.h"
#include "workers/models/config_file.h"

namespace gradus {
namespace {

constexpr ModelFamily kFamilies[] = {
    {"Qwen2ForCausalLM", true, false, false},  {"Qwen3ForCausalLM", false, true, false},
    {"LlamaForCausalLM", false, false, false}, {"MistralForCausalLM", false, false, false},
    {"Phi3ForCausalLM", false, false, true},
};

ModelFamily FamilyOf(const ConfigFile& file) {
  const OrderedJson& names = file.Need("architectures");
  const std::string name = names.is_array() && !names.empty() && names[0].is_string()
                               ? names[0].get<std::string>()
                               : names.dump();
  std::string known;
  for (const ModelFamily& family : kFamilies) {
    if (name == family.architecture) return family;
    known += (known.empty() ? "" : ", ") + std::string(family.architecture);
  }
  Fail("{}: architecture {} is not supported ({} are)", file.where(), name, known);
}

// Biases that some checkpoints of a family have beyond the family's own.
void RefuseMoreBiases(const ConfigFile& file) {
  for (const char* key : {"attention_bias", "mlp_bias"}) {
    if (file.Flag(key, false)) Fail("{}: {} is not supported", file.where(), key);
  }
}

// The window that a layer has if it has one. Qwen configurations name a window that they do not
// use.
int SlidingWindow(const ConfigFile& file) {
  if (!file.Flag("use_sliding_window", true) || !file.Has("sliding_window")) return 0;
  const std::string architecture = FamilyOf(file).architecture;
  if (architecture == "LlamaForCausalLM") return 0;
  if (architecture.starts_with("Qwen") && !file.Has("use_sliding_window")) return 0;
  return file.Positive("sliding_window");
}

// By layer: layer_types where given; else every layer of Mistral and Phi-3, and Qwen's from
// max_window_layers on.
std::vector<int> Windows(const ConfigFile& file, int layers) {
  const int window = SlidingWindow(file);
  std::vector<int> windows(static_cast<std::size_t>(layers), window);
  if (const OrderedJson* types = file.Find("layer_types")) {
    if (!types->is_array() || types->size() != windows.size()) {
      Fail("{}: layer_types must name each of {} layers", file.where(), layers);
    }
    for (std::size_t i = 0; i < windows.size(); ++i) {
      const OrderedJson& type = (*types)[i];
      const bool slides = type == "sliding_attention";
      if (!slides && type != "full_attention") {
        Fail("{}: layer type {} is not supported", file.where(), type.dump());
      }
      if (slides && window == 0) {
        Fail("{}: layer_types has sliding_attention, but no sliding_window is set", file.where());
      }
      if (!slides) windows[i] = 0;
    }
  } else if (window > 0 && file.Has("max_window_layers")) {
    const int first = *file.Find("max_window_layers") == 0 ? 0 : file.Positive("max_window_layers");
    std::fill_n(windows.begin(), std::min(first, layers), 0);
  }
  return windows;
}

int HeadDim(const ConfigFile& file, const ModelConfig& config) {
  if (file.Has("head_dim")) return file.Positive("head_dim");
  if (config.hidden_size % config.num_heads != 0) {
    Fail("{}: hidden_size is not a multiple of num_attention_heads", file.where());
  }
  return config.hidden_size / config.num_heads;
}

}  // namespace

ModelConfig ReadModelConfig(const std::filesystem::path& folder) {
  const ConfigFile file(folder);
  ModelConfig config;
  config.family = FamilyOf(file);
  RefuseMoreBiases(file);
  config.vocab_size = file.Positive("vocab_size");
  config.hidden_size = file.Positive("hidden_size");
  config.intermediate_size = file.Positive("intermediate_size");
  config.num_layers = file.Positive("num_hidden_layers");
  config.num_heads = file.Positive("num_attention_heads");
  config.num_kv_heads = file.Positive("num_key_value_heads");
  config.max_positions = file.Positive("max_position_embeddings");
  config.rms_norm_eps = file.PositiveReal("rms_norm_eps");
  config.tie_embeddings = file.Flag("tie_word_embeddings");
  if (file.Text("hidden_act") != "silu") Fail("{}: hidden_act must be silu", file.where());
  if (config.num_heads % config.num_kv_heads != 0) {
    Fail("{}: num_attention_heads must be a multiple of num_key_value_heads", file.where());
  }
  config.head_dim = HeadDim(file, config);
  config.rope = ReadRope(file, config.head_dim, config.max_positions);
  config.windows = Windows(file, config.num_layers);
  return config;
}

void Bind(Settings& settings, RandomModelOptions& options) {
  settings.Field("hidden_size", options.hidden_size, {8, 65536}, "width of the residual stream");
  settings.Field("intermediate_size", options.intermediate_size, {8, 1 << 20},
                 "width of the feed-forward layer");
  settings.Field("num_layers", options.num_layers, {1, 1024}, "decoder layers");
  settings.Field("num_heads", options.num_heads, {1, 1024}, "query heads");
  settings.Field("num_kv_heads", options.num_kv_heads, {1, 1024},
                 "key and value heads; divides num_heads");
  settings.Field("max_positions", options.max_positions, {16, 1 << 20},
                 "longest sequence in tokens");
  settings.Field("alphabet", options.alphabet, "characters that get a token; empty: all 256 bytes");
}

}  // namespace gradus
