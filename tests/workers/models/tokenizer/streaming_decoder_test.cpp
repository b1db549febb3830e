#include "workers/models/tokenizer/streaming_decoder.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "schemas/base/seed.h"
#include "tests/fakes/temp_folder.h"

namespace gradus {
namespace {

Tokenizer Golden(const std::string& name) {
  return Tokenizer::Load(std::filesystem::path(GRADUS_SOURCE_DIR) / "tests/workers/models/golden" /
                         name);
}

// Whether pieces and rest are the whole's text after every token; counts tokens that gave text.
int CheckPrefixes(const Tokenizer& tokenizer, const std::vector<TokenId>& ids) {
  StreamingDecoder decoder(tokenizer);
  std::string text;
  std::vector<TokenId> so_far;
  int pieces = 0;
  for (const TokenId id : ids) {
    so_far.push_back(id);
    const std::string piece = decoder.Push(id);
    text += piece;
    pieces += !piece.empty();
    const std::string whole = tokenizer.Decode(so_far);
    REQUIRE(text + decoder.Rest() == whole);
    CHECK(whole.starts_with(text));
  }
  return pieces;
}

}  // namespace

TEST_CASE("pieces of a text and what is held back are the decoded whole at the end of any prefix") {
  for (const char* name : {"qwen", "llama", "sentencepiece", "metaspace", "odd"}) {
    CAPTURE(std::string(name));
    const Tokenizer tokenizer = Golden(name);
    int pieces = 0;
    for (const char* text : {"Hello world", "  two  spaces ", "naïve café – Ωμέγα",
                             "日本語 🧮🧠 x", "\n\n\t", "a"}) {
      pieces += CheckPrefixes(tokenizer, tokenizer.EncodeWithSpecials(text));
    }
    CHECK(pieces > 5);
    // Any ids: broken characters, tokens that stand for nothing, special ones.
    Random random(7);
    for (int i = 0; i < 200; ++i) {
      std::vector<TokenId> ids;
      for (int t = 0; t < 25; ++t) {
        ids.push_back(static_cast<TokenId>(
            random.Below(static_cast<std::uint64_t>(tokenizer.VocabularySize()) + 3)));
      }
      CheckPrefixes(tokenizer, ids);
    }
  }
}

TEST_CASE("half a character is held back until it is whole") {
  const TempFolder scratch;
  WriteByteTokenizer(scratch.path(), {"<stop>"}, "<stop>");
  const Tokenizer tokenizer = Tokenizer::Load(scratch.path());
  StreamingDecoder decoder(tokenizer);
  const std::vector<TokenId> euro = tokenizer.Encode("€");
  REQUIRE(euro.size() == 3);
  CHECK(decoder.Push(euro[0]).empty());
  CHECK(decoder.Push(euro[1]).empty());
  CHECK(decoder.Push(euro[2]) == "€");
  CHECK(decoder.Push(euro[0]).empty());
  CHECK(decoder.Rest() == "\uFFFD");
  CHECK(decoder.Push(tokenizer.Encode("x")[0]) == "\uFFFDx");
}

}  // namespace gradus
