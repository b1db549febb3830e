#include <algorithm>
#include <cmath>
#include <numeric>
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

using Rows = std::vector<float>;  // Row by row.

std::vector<double> MeanOf(const Rows& rows, std::size_t width, const std::vector<TokenId>& ids) {
  std::vector<double> mean(width, 0.0);
  for (TokenId id : ids) {
    const float* row = rows.data() + static_cast<std::size_t>(id) * width;
    for (std::size_t i = 0; i < width; ++i)
      mean[i] += static_cast<double>(row[i]) / static_cast<double>(ids.size());
  }
  return mean;
}

double RootMeanSquare(const Rows& rows, std::size_t count) {
  double square = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const double value = static_cast<double>(rows[i]);
    square += value * value;
  }
  return std::sqrt(square / static_cast<double>(count));
}

// The matrix with `rows` rows. A new token starts as the mean of the tokens that its text was until
// now, and a little noise: two tokens of equal pieces must be able to part. The share of the
// vocabulary's root mean square that the noise is: a tenth where there are no pieces, and all such
// tokens start as the mean of the whole vocabulary.
Rows WithNewRows(const StoredTensor& stored, const std::string& name, std::size_t rows,
                 const std::vector<std::pair<std::string, TokenId>>& fresh,
                 const Tokenizer& tokenizer, Seed seed) {
  constexpr double kNoise = 0.01, kNoiseWithoutPieces = 0.1;
  const auto width = static_cast<std::size_t>(stored.shape[1]);
  Rows values(static_cast<std::size_t>(stored.Elements()));
  CopyToFloat(stored, name, values.data());
  values.resize(rows * width);
  std::vector<TokenId> known(static_cast<std::size_t>(tokenizer.VocabularySize()));
  std::iota(known.begin(), known.end(), 0);
  const double size = RootMeanSquare(values, known.size() * width);
  for (const auto& [content, id] : fresh) {
    if (id < tokenizer.VocabularySize()) continue;
    const std::vector<TokenId> pieces = tokenizer.Encode(content);
    const std::vector<double> mean = MeanOf(values, width, pieces.empty() ? known : pieces);
    float* row = values.data() + static_cast<std::size_t>(id) * width;
    FillNormal(row, width, size * (pieces.empty() ? kNoiseWithoutPieces : kNoise),
               MixSeed(seed, std::string_view(name), std::string_view(content)));
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
                                   static_cast<std::size_t>(config.vocab_size), fresh, tokenizer,
                                   seed));
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
