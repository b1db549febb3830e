#include "workers/policy/model_config.h"

#include "schemas/base/error.h"
#include "schemas/base/settings.h"
#include "workers/policy/strict_json.h"

namespace gradus {
namespace {

// config.json with errors that name file and key.
class ConfigFile {
 public:
  explicit ConfigFile(const std::filesystem::path& folder)
      : path_((folder / "config.json").string()), json_(ReadOrderedJson(folder / "config.json")) {}

  const OrderedJson* Find(const char* key) const {
    const auto found = json_.find(key);
    return found == json_.end() || found->is_null() ? nullptr : &*found;
  }
  int Positive(const char* key) const {
    const OrderedJson& value = Need(key);
    if (!value.is_number_integer() || value.get<std::int64_t>() < 1 ||
        value.get<std::int64_t>() > (1 << 30)) {
      Fail("{}: {} must be a positive integer", path_, key);
    }
    return value.get<int>();
  }
  double PositiveReal(const OrderedJson& value, const char* key) const {
    if (!value.is_number() || !(value.get<double>() > 0)) {
      Fail("{}: {} must be a positive number", path_, key);
    }
    return value.get<double>();
  }
  bool Flag(const char* key) const {
    const OrderedJson& value = Need(key);
    if (!value.is_boolean()) Fail("{}: {} must be true or false", path_, key);
    return value.get<bool>();
  }
  bool Flag(const char* key, bool otherwise) const { return Find(key) ? Flag(key) : otherwise; }
  std::string Text(const char* key) const {
    const OrderedJson& value = Need(key);
    if (!value.is_string()) Fail("{}: {} must be a string", path_, key);
    return value.get<std::string>();
  }
  const OrderedJson& Need(const char* key) const {
    const OrderedJson* value = Find(key);
    if (!value) Fail("{}: key {} is missing", path_, key);
    return *value;
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  OrderedJson json_;
};

void CheckPlainRope(const ConfigFile& file, const OrderedJson* scaling, const char* key) {
  if (!scaling) return;
  if (!scaling->is_object()) Fail("{}: {} must be an object", file.path(), key);
  for (const char* name : {"rope_type", "type"}) {
    const auto type = scaling->find(name);
    if (type != scaling->end() && *type != "default") {
      Fail("{}: {} {} is not supported (only the default rotary embedding)", file.path(), key,
           type->dump());
    }
  }
}

// transformers 4 writes rope_theta, transformers 5 rope_parameters.rope_theta. A default would
// silently be wrong.
double RopeTheta(const ConfigFile& file) {
  CheckPlainRope(file, file.Find("rope_scaling"), "rope_scaling");
  const OrderedJson* parameters = file.Find("rope_parameters");
  CheckPlainRope(file, parameters, "rope_parameters");
  if (parameters && parameters->contains("rope_theta")) {
    return file.PositiveReal((*parameters)["rope_theta"], "rope_parameters.rope_theta");
  }
  if (!file.Find("rope_theta")) {
    Fail("{}: neither rope_theta nor rope_parameters.rope_theta is there", file.path());
  }
  return file.PositiveReal(file.Need("rope_theta"), "rope_theta");
}

// Whether q, k and v have biases: Qwen2 always, Llama by its key (which would also add one to o:
// refused).
bool FamilyHasBias(const ConfigFile& file) {
  const OrderedJson& names = file.Need("architectures");
  const std::string family = names.is_array() && !names.empty() ? names[0].dump() : names.dump();
  if (family == "\"Qwen2ForCausalLM\"") return true;
  if (family != "\"LlamaForCausalLM\"") {
    Fail("{}: architecture {} is not supported (Qwen2ForCausalLM and LlamaForCausalLM are)",
         file.path(), family);
  }
  for (const char* key : {"attention_bias", "mlp_bias"}) {
    if (file.Flag(key, false)) Fail("{}: {} is not supported", file.path(), key);
  }
  return false;
}

void CheckFullAttention(const ConfigFile& file) {
  if (file.Flag("use_sliding_window", false)) {
    Fail("{}: use_sliding_window is not supported", file.path());
  }
  const OrderedJson* types = file.Find("layer_types");
  for (const OrderedJson& type : types ? *types : OrderedJson::array()) {
    if (type != "full_attention") {
      Fail("{}: layer type {} is not supported", file.path(), type.dump());
    }
  }
}

}  // namespace

ModelConfig ReadModelConfig(const std::filesystem::path& folder) {
  const ConfigFile file(folder);
  ModelConfig config;
  config.qkv_bias = FamilyHasBias(file);
  config.vocab_size = file.Positive("vocab_size");
  config.hidden_size = file.Positive("hidden_size");
  config.intermediate_size = file.Positive("intermediate_size");
  config.num_layers = file.Positive("num_hidden_layers");
  config.num_heads = file.Positive("num_attention_heads");
  config.num_kv_heads = file.Positive("num_key_value_heads");
  config.max_positions = file.Positive("max_position_embeddings");
  config.rms_norm_eps = file.PositiveReal(file.Need("rms_norm_eps"), "rms_norm_eps");
  config.tie_embeddings = file.Flag("tie_word_embeddings");
  config.rope_theta = RopeTheta(file);
  CheckFullAttention(file);
  if (file.Text("hidden_act") != "silu") Fail("{}: hidden_act must be silu", file.path());
  if (config.num_heads % config.num_kv_heads != 0) {
    Fail("{}: num_attention_heads must be a multiple of num_key_value_heads", file.path());
  }
  if (file.Find("head_dim")) {
    config.head_dim = file.Positive("head_dim");
  } else if (config.hidden_size % config.num_heads == 0) {
    config.head_dim = config.hidden_size / config.num_heads;
  } else {
    Fail("{}: hidden_size is not a multiple of num_attention_heads", file.path());
  }
  if (config.head_dim % 2 != 0) Fail("{}: head_dim must be even", file.path());
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
