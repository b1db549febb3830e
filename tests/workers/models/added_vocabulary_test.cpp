#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "schemas/base/file.h"
#include "tests/fakes/temp_folder.h"
#include "workers/models/folder_weights.h"
#include "workers/models/hf_folder.h"
#include "workers/models/tokenizer/tokenizer.h"

namespace gradus {
namespace {

constexpr std::size_t kWidth = 16;

// A matrix with a row for each token.
struct Rows {
  Rows(const std::filesystem::path& folder, const std::string& name) {
    const FolderWeights weights(folder);
    const StoredTensor& stored = weights.At(name);
    values.resize(static_cast<std::size_t>(stored.Elements()));
    CopyToFloat(stored, name, values.data());
  }
  double At(TokenId token, std::size_t i) const {
    return static_cast<double>(values[static_cast<std::size_t>(token) * kWidth + i]);
  }
  std::vector<float> values;
};

// The embedding of the tokens below 256, as stored.
std::vector<float> OldRows(const std::filesystem::path& folder) {
  std::vector<float> values = Rows(folder, "model.embed_tokens.weight").values;
  values.resize(256 * kWidth);
  return values;
}

RandomModelOptions SmallModel() {
  RandomModelOptions options;
  options.hidden_size = kWidth;
  options.num_layers = 1;
  options.num_heads = 2;
  options.num_kv_heads = 1;
  return options;
}

// Gives the model a head of its own: the embedding, negated.
void Untie(const std::filesystem::path& folder) {
  std::vector<std::vector<float>> values;
  std::vector<FloatTensor> tensors;
  {
    const FolderWeights weights(folder);
    for (const std::string& name : weights.Names()) {
      values.push_back(Rows(folder, name).values);
      tensors.push_back({name, weights.At(name).shape, values.back().data(), TensorType::kF32});
      if (name != "model.embed_tokens.weight") continue;
      std::vector<float> head = values.back();
      for (float& value : head) value = -value;
      values.push_back(std::move(head));
      tensors.push_back(
          {"lm_head.weight", weights.At(name).shape, values.back().data(), TensorType::kF32});
    }
  }
  WriteFolderWeights(folder, std::move(tensors));
  std::string config = ReadFile(folder / "config.json");
  const std::string tied = "\"tie_word_embeddings\": true";
  REQUIRE(config.find(tied) != std::string::npos);
  WriteFileAtomically(folder / "config.json", config.replace(config.find(tied), tied.size(),
                                                             "\"tie_word_embeddings\": false"));
}

// Largest distance of a token's row from the mean of the rows of `pieces`.
double Distance(const Rows& rows, TokenId token, const std::vector<TokenId>& pieces) {
  double largest = 0;
  for (std::size_t i = 0; i < kWidth; ++i) {
    double mean = 0;
    for (TokenId piece : pieces) mean += rows.At(piece, i) / static_cast<double>(pieces.size());
    largest = std::max(largest, std::abs(rows.At(token, i) - mean));
  }
  return largest;
}

}  // namespace

TEST_CASE("a marker that is an ordinary entry of the vocabulary keeps its id and its row") {
  const TempFolder scratch;
  MakeRandomModel(scratch / "a", SmallModel(), {"<stop>"}, 1);
  const int size = Tokenizer::Load(scratch / "a").VocabularySize();
  AddTokens(scratch / "a", scratch / "b", {"#", "<x>", "<stop>", "<x>"}, 1);
  const Tokenizer tokenizer = Tokenizer::Load(scratch / "b");
  CHECK(tokenizer.IsAdded("#"));
  CHECK(!tokenizer.IsAdded("a"));
  CHECK(tokenizer.IdOf("#") == '#');
  CHECK(tokenizer.IdOf("<x>") == size);
  CHECK(tokenizer.VocabularySize() == size + 1);
  CHECK(OldRows(scratch / "a") == OldRows(scratch / "b"));
}

TEST_CASE("a new token starts as the mean of what its text was, in embedding and head") {
  const TempFolder scratch;
  RandomModelOptions options = SmallModel();
  options.alphabet = "ab<>";
  MakeRandomModel(scratch / "a", options, {}, 1);
  Untie(scratch / "a");
  const Tokenizer old = Tokenizer::Load(scratch / "a");
  // The third has the pieces of the second; the fourth's characters have no token.
  AddTokens(scratch / "a", scratch / "b", {"<aab>", "ab", "ba", "xyz"}, 1);
  const Tokenizer tokenizer = Tokenizer::Load(scratch / "b");
  REQUIRE(old.Encode("xyz").empty());
  std::vector<TokenId> all(static_cast<std::size_t>(old.VocabularySize()));
  std::iota(all.begin(), all.end(), 0);
  for (const char* name : {"model.embed_tokens.weight", "lm_head.weight"}) {
    CAPTURE(std::string(name));
    const Rows rows(scratch / "b", name);
    const double size = std::abs(*std::max_element(rows.values.begin(), rows.values.end()));
    for (const char* text : {"<aab>", "ab", "ba"}) {
      const double distance = Distance(rows, *tokenizer.IdOf(text), old.Encode(text));
      CHECK(distance > 0);
      CHECK(distance < 0.05 * size);
    }
    CHECK(Distance(rows, *tokenizer.IdOf("ab"), {*tokenizer.IdOf("ba")}) > 0);
    CHECK(Distance(rows, *tokenizer.IdOf("xyz"), all) < 0.5 * size);
  }
}

}  // namespace gradus
