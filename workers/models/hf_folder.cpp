#include "workers/models/hf_folder.h"

#include <algorithm>
#include <cmath>

#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "schemas/base/strict_json.h"
#include "workers/models/decoder_parts.h"
#include "workers/models/folder_weights.h"
#include "workers/models/folder_writer.h"
#include "workers/models/safetensors.h"
#include "workers/models/tokenizer/tokenizer.h"

namespace gradus {
namespace {

constexpr const char* kEndOfText = "<|endoftext|>";

ModelConfig ConfigOf(const RandomModelOptions& options, int vocab) {
  if (options.num_heads % options.num_kv_heads != 0 ||
      options.hidden_size % (2 * options.num_heads) != 0) {
    Fail(
        "random model: num_kv_heads must divide num_heads, and 2·num_heads must divide "
        "hidden_size");
  }
  ModelConfig config;
  config.vocab_size = vocab;
  config.hidden_size = options.hidden_size;
  config.intermediate_size = options.intermediate_size;
  config.num_layers = options.num_layers;
  config.num_heads = options.num_heads;
  config.num_kv_heads = options.num_kv_heads;
  config.head_dim = options.hidden_size / options.num_heads;
  config.max_positions = options.max_positions;
  config.rope.dims = config.head_dim;
  return config;
}

OrderedJson Qwen2Config(const ModelConfig& c, const std::vector<TokenId>& eos) {
  OrderedJson json = {{"architectures", {"Qwen2ForCausalLM"}},
                      {"model_type", "qwen2"},
                      {"vocab_size", c.vocab_size},
                      {"hidden_size", c.hidden_size},
                      {"intermediate_size", c.intermediate_size},
                      {"num_hidden_layers", c.num_layers},
                      {"num_attention_heads", c.num_heads},
                      {"num_key_value_heads", c.num_kv_heads},
                      {"hidden_act", "silu"},
                      {"max_position_embeddings", c.max_positions},
                      {"rms_norm_eps", c.rms_norm_eps},
                      {"rope_theta", c.rope.theta},
                      {"tie_word_embeddings", c.tie_embeddings},
                      {"use_sliding_window", false},
                      {"attention_dropout", 0.0},
                      {"initializer_range", 0.02},
                      {"use_cache", true},
                      {"torch_dtype", "float32"}};
  if (!eos.empty()) json["eos_token_id"] = eos[0];
  return json;
}

// Initial values by the role that the name tells.
std::vector<float> InitialValues(const ParameterShape& parameter, const ModelConfig& config,
                                 Seed seed) {
  std::size_t count = 1;
  for (std::int64_t extent : parameter.shape) count *= static_cast<std::size_t>(extent);
  if (parameter.name.ends_with("norm.weight")) return std::vector<float>(count, 1.0f);
  std::vector<float> values(count, 0.0f);
  if (parameter.name.ends_with(".bias")) return values;
  double deviation = 1.0 / std::sqrt(static_cast<double>(parameter.shape[1]));
  if (parameter.name == "model.embed_tokens.weight") deviation = 0.02;
  if (parameter.name.ends_with("o_proj.weight") || parameter.name.ends_with("down_proj.weight")) {
    deviation /= std::sqrt(2.0 * config.num_layers);
  }
  FillNormal(values.data(), count, deviation, MixSeed(seed, std::string_view(parameter.name)));
  return values;
}

void WriteRandomWeights(const fs::path& path, const ModelConfig& config, Seed seed) {
  std::vector<std::vector<float>> values;
  std::vector<FloatTensor> tensors;
  for (const ParameterShape& parameter : DecoderParameters(config)) {
    values.push_back(InitialValues(parameter, config, seed));
    tensors.push_back({parameter.name, parameter.shape, values.back().data(), TensorType::kF32});
  }
  WriteSafetensors(path, std::move(tensors));
}

}  // namespace

void MakeRandomModel(const fs::path& folder, const RandomModelOptions& options,
                     const std::vector<std::string>& added_tokens, Seed seed) {
  FolderWriter writer(folder);
  std::vector<std::string> added = added_tokens;
  if (std::find(added.begin(), added.end(), kEndOfText) == added.end()) added.push_back(kEndOfText);
  WriteByteTokenizer(writer.folder(), added, kEndOfText, options.alphabet);
  const Tokenizer tokenizer = Tokenizer::Load(writer.folder());
  const ModelConfig config = ConfigOf(options, tokenizer.VocabularySize());
  const OrderedJson json = Qwen2Config(config, tokenizer.EosIds());
  WriteFileAtomically(writer.folder() / "config.json", json.dump(2) + "\n");
  OrderedJson generation = {{"_from_model_config", true}, {"eos_token_id", tokenizer.EosIds()}};
  WriteFileAtomically(writer.folder() / "generation_config.json", generation.dump(2) + "\n");
  WriteRandomWeights(writer.folder() / "model.safetensors", config, seed);
  writer.Publish();
}

void CheckModelFolder(const fs::path& folder) {
  if (!fs::is_directory(folder)) Fail("{}: no such model folder", folder.string());
  const ModelConfig config = ReadModelConfig(folder);
  const Tokenizer tokenizer = Tokenizer::Load(folder);
  if (tokenizer.VocabularySize() > config.vocab_size) {
    Fail("{}: the tokenizer has ids up to {}, config.json has vocab_size {}", folder.string(),
         tokenizer.VocabularySize() - 1, config.vocab_size);
  }
  const FolderWeights weights(folder);
  for (const ParameterShape& parameter : DecoderParameters(config)) {
    weights.Get(parameter.name, parameter.shape);
  }
}

std::string ModelDigest(const fs::path& folder) {
  std::vector<fs::path> files = WeightFiles(folder);
  files.push_back(folder / "config.json");
  if (fs::exists(folder / kValueHeadFile)) files.push_back(folder / kValueHeadFile);
  std::string list;
  for (const fs::path& file : files)
    list += file.filename().string() + " " + Sha256File(file) + "\n";
  return Sha256(list);
}

}  // namespace gradus
