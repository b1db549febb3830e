#include "workers/models/tokenizer/streaming_decoder.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "schemas/base/seed.h"
#include "tests/fakes/temp_folder.h"
#include "workers/engine/stop_text.h"

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

TEST_CASE("a stop text is seen with the token that completes it, across tokens and characters") {
  const TempFolder scratch;
  WriteByteTokenizer(scratch.path(), {"<stop>"}, "<stop>");
  const Tokenizer tokenizer = Tokenizer::Load(scratch.path());
  const auto stopped_after = [&](const std::string& text, const std::vector<std::string>& stops) {
    StopText stop(tokenizer, stops);
    int count = 0;
    for (const TokenId id : tokenizer.Encode(text)) {
      ++count;
      if (stop.Push(id)) return count;
    }
    return -1;
  };
  CHECK(stopped_after("one two three", {"two"}) == 7);
  CHECK(stopped_after("aab", {"ab"}) == 3);
  CHECK(stopped_after("x€y", {"€"}) == 4);
  CHECK(stopped_after("x€y", {"zz", "€y"}) == 5);
  CHECK(stopped_after("a<stop>b", {"<stop>b"}) == 3);
  CHECK(stopped_after("nothing", {"thing!"}) == -1);
  CHECK(stopped_after("abcabd", {"abd", "long long long"}) == 6);
}

TEST_CASE("with byte tokens a stop text is seen while its run of bytes goes on") {
  const Tokenizer tokenizer = Golden("sentencepiece");
  const auto first = tokenizer.IdOf("<0xE2>"), second = tokenizer.IdOf("<0x82>"),
             third = tokenizer.IdOf("<0xAC>");
  REQUIRE((first && second && third));
  const std::vector<std::string> stops = {"€"};
  StopText stop(tokenizer, stops);
  CHECK_FALSE(stop.Push(*first));
  CHECK_FALSE(stop.Push(*second));
  CHECK(stop.Push(*third));
}

}  // namespace gradus
