#include <doctest/doctest.h>

#include "schemas/base/file.h"
#include "tests/fakes/temp_folder.h"
#include "workers/models/folder_weights.h"
#include "workers/models/hf_folder.h"
#include "workers/models/tokenizer/tokenizer.h"

namespace gradus {
namespace {

// The embedding of the tokens below 256, as stored.
std::string OldRows(const std::filesystem::path& folder) {
  const FolderWeights weights(folder);
  const StoredTensor& stored = weights.At("model.embed_tokens.weight");
  std::vector<float> values(static_cast<std::size_t>(stored.Elements()));
  CopyToFloat(stored, "embedding", values.data());
  const auto width = static_cast<std::size_t>(stored.shape[1]);
  return std::string(reinterpret_cast<const char*>(values.data()), 256 * width * sizeof(float));
}

}  // namespace

TEST_CASE("a marker that is an ordinary entry of the vocabulary keeps its id and its row") {
  const TempFolder scratch;
  RandomModelOptions options;
  options.hidden_size = 16;
  options.num_layers = 1;
  options.num_heads = 2;
  options.num_kv_heads = 1;
  MakeRandomModel(scratch / "a", options, {"<stop>"}, 1);
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

}  // namespace gradus
