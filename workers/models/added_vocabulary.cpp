#include <algorithm>
#include <cmath>
#include <set>

#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "schemas/base/strict_json.h"
#include "workers/models/decoder_parts.h"
#include "workers/models/folder_weights.h"
#include "workers/models/folder_writer.h"
#include "workers/models/hf_folder.h"
#include "workers/models/safetensors.h"
#include "workers/models/tokenizer/tokenizer.h"

namespace gradus {
namespace {

// The new tokens with their ids: those that are no added tokens yet, once each. One that is an
// ordinary entry of the vocabulary keeps its id and its row: merges alone would not always find it.
std::vector<std::pair<std::string, TokenId>> NewTokens(const Tokenizer& tokenizer,
                                                       const std::vector<std::string>& tokens) {
  std::vector<std::pair<std::string, TokenId>> fresh;
  std::set<std::string> seen;
  TokenId next = tokenizer.VocabularySize();
  for (const std::string& token : tokens) {
    if (token.empty()) Fail("an added token cannot be empty");
    if (tokenizer.IsAdded(token) || !seen.insert(token).second) continue;
    const auto entry = tokenizer.IdOf(token);
    fresh.emplace_back(token, entry ? *entry : next++);
  }
  return fresh;
}

void WriteTokenizer(const fs::path& from, const fs::path& to,
                    const std::vector<std::pair<std::string, TokenId>>& fresh) {
  OrderedJson json = ReadOrderedJson(from);
  for (const auto& [content, id] : fresh) {
    json["added_tokens"].push_back({{"id", id},
                                    {"content", content},
                                    {"single_word", false},
                                    {"lstrip", false},
                                    {"rstrip", false},
                                    {"normalized", false},
                                    {"special", true}});
  }
  WriteFileAtomically(to, json.dump(1) + "\n");
}

// transformers reads this list too, and it must agree with tokenizer.json.
void WriteTokenizerConfig(const fs::path& from, const fs::path& to,
                          const std::vector<std::pair<std::string, TokenId>>& fresh) {
  if (!fs::exists(from)) return;
  OrderedJson json = ReadOrderedJson(from);
  if (!json.contains("added_tokens_decoder")) return;
  for (const auto& [content, id] : fresh) {
    json["added_tokens_decoder"][std::to_string(id)] = {{"content", content},   {"lstrip", false},
                                                        {"normalized", false},  {"rstrip", false},
                                                        {"single_word", false}, {"special", true}};
  }
  WriteFileAtomically(to, json.dump(2) + "\n");
}

// The matrix with `rows` rows; the rows of new tokens are its mean plus noise of a tenth of its
// deviation.
std::vector<float> WithNewRows(const StoredTensor& stored, const std::string& name,
                               std::size_t rows,
                               const std::vector<std::pair<std::string, TokenId>>& fresh,
                               std::size_t known, Seed seed) {
  const auto width = static_cast<std::size_t>(stored.shape[1]);
  std::vector<float> values(static_cast<std::size_t>(stored.Elements()));
  CopyToFloat(stored, name, values.data());
  values.resize(rows * width);
  std::vector<double> mean(width, 0.0);
  double square = 0;
  for (std::size_t r = 0; r < known; ++r) {
    for (std::size_t i = 0; i < width; ++i) {
      const double value = static_cast<double>(values[r * width + i]);
      mean[i] += value / static_cast<double>(known);
      square += value * value;
    }
  }
  const double noise = 0.1 * std::sqrt(square / static_cast<double>(known * width));
  for (const auto& [content, id] : fresh) {
    if (static_cast<std::size_t>(id) < known) continue;
    float* row = values.data() + static_cast<std::size_t>(id) * width;
    FillNormal(row, width, noise, MixSeed(seed, std::string_view(name), std::string_view(content)));
    for (std::size_t i = 0; i < width; ++i) row[i] += static_cast<float>(mean[i]);
  }
  return values;
}

}  // namespace

void AddTokens(const fs::path& from, const fs::path& to, const std::vector<std::string>& tokens,
               Seed seed) {
  CheckModelFolder(from);
  ModelConfig config = ReadModelConfig(from);
  const Tokenizer tokenizer = Tokenizer::Load(from);
  const auto fresh = NewTokens(tokenizer, tokens);
  config.vocab_size = std::max(config.vocab_size, tokenizer.VocabularySize());
  for (const auto& [content, id] : fresh) config.vocab_size = std::max(config.vocab_size, id + 1);

  FolderWriter writer(to);
  writer.CopyCompanions(from);
  const FolderWeights weights(from);
  writer.WriteConfig(from, config, weights.SavedAs());
  WriteTokenizer(from / "tokenizer.json", writer.folder() / "tokenizer.json", fresh);
  WriteTokenizerConfig(from / "tokenizer_config.json", writer.folder() / "tokenizer_config.json",
                       fresh);
  std::vector<std::vector<float>> values;
  std::vector<FloatTensor> tensors;
  for (const ParameterShape& parameter : DecoderParameters(config)) {
    const StoredTensor& stored = weights.At(parameter.name);
    const bool by_token =
        parameter.shape[0] == config.vocab_size &&
        (parameter.name == "model.embed_tokens.weight" || parameter.name == "lm_head.weight");
    if (by_token) {
      values.push_back(WithNewRows(stored, parameter.name,
                                   static_cast<std::size_t>(config.vocab_size), fresh,
                                   static_cast<std::size_t>(tokenizer.VocabularySize()), seed));
    } else {
      values.emplace_back(static_cast<std::size_t>(stored.Elements()));
      CopyToFloat(stored, parameter.name, values.back().data());
    }
    tensors.push_back({parameter.name, parameter.shape, values.back().data(), weights.SavedAs()});
  }
  WriteFolderWeights(writer.folder(), std::move(tensors));
  if (fs::exists(from / kValueHeadFile)) {
    fs::copy_file(from / kValueHeadFile, writer.folder() / kValueHeadFile);
  }
  writer.Publish();
}

}  // namespace gradus
