#include "workers/policy/tokenizer.h"

#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "schemas/base/seed.h"
#include "tests/fakes/temp_folder.h"
#include "workers/policy/utf8.h"

namespace gradus {
namespace {

using nlohmann::json;

std::filesystem::path Golden(const std::string& name) {
  return std::filesystem::path(GRADUS_SOURCE_DIR) / "tests/policy/golden" / name;
}

// Text that stresses boundaries: ASCII runs, spaces of all kinds, accents composed and not, CJK,
// emoji, bad bytes.
std::string RandomText(Random& random, bool valid) {
  static const std::vector<std::string> kParts = {"a",
                                                  "Zebra",
                                                  "'s",
                                                  "'LL",
                                                  "12",
                                                  "3456",
                                                  " ",
                                                  "  ",
                                                  "\n",
                                                  "\r\n",
                                                  "\t",
                                                  "\xC2\xA0",
                                                  "\xE2\x80\x83",
                                                  "\xE1\xA0\x8E",
                                                  "\xC2\x85",
                                                  "e\xCC\x81",
                                                  "\xC3\xA9",
                                                  "\xE4\xBD\xA0\xE5\xA5\xBD",
                                                  "\xF0\x9F\x98\x80",
                                                  "\xE2\x80\x8D",
                                                  "\\frac{1}{2}",
                                                  "def f(x):",
                                                  "<b>",
                                                  "<",
                                                  "<stop>",
                                                  "$",
                                                  "\xC5\xBF",
                                                  std::string(1, '\0')};
  static const std::vector<std::string> kBad = {"\xFF", "\xC3", "\xE4\xBD", "\xED\xA0\x80",
                                                "\xF5\x80"};
  std::string text;
  for (std::uint64_t i = random.Below(20); i > 0; --i) {
    text += !valid && random.Below(5) == 0 ? kBad[random.Below(kBad.size())]
                                           : kParts[random.Below(kParts.size())];
  }
  return text;
}

std::string ErrorOf(const json& tokenizer) {
  const TempFolder scratch;
  WriteFileAtomically(scratch / "tokenizer.json", tokenizer.dump());
  try {
    Tokenizer::Load(scratch / ".");
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

json ByteTokenizerJson() {
  const TempFolder scratch;
  WriteByteTokenizer(scratch / ".", {"<stop>"}, "<stop>");
  return json::parse(ReadFile(scratch / "tokenizer.json"));
}

}  // namespace

TEST_CASE("golden vectors of the reference implementation are reproduced exactly") {
  int cases = 0;
  for (const auto& entry : std::filesystem::directory_iterator(Golden(""))) {
    if (!entry.is_directory() || !std::filesystem::exists(entry.path() / "vectors.jsonl")) continue;
    const Tokenizer tokenizer = Tokenizer::Load(entry.path());
    std::ifstream vectors(entry.path() / "vectors.jsonl");
    for (std::string line; std::getline(vectors, line); ++cases) {
      const json expected = json::parse(line);
      const std::string text = expected["text"];
      const std::vector<TokenId> ids = expected["ids"];
      CHECK_MESSAGE(tokenizer.EncodeWithSpecials(text) == ids, entry.path().string(), ": ", line);
      CHECK_MESSAGE(tokenizer.Decode(ids) == expected["decoded"].get<std::string>(),
                    entry.path().string(), ": ", line);
    }
  }
  CHECK(cases > 400);
}

TEST_CASE("decoding what was encoded gives the text back, normalised and made valid") {
  Random random(11);
  const TempFolder scratch;
  WriteByteTokenizer(scratch / ".", {"<stop>", "<b>"}, "<stop>");
  const Tokenizer bytes = Tokenizer::Load(scratch / ".");
  const Tokenizer merged = Tokenizer::Load(Golden("qwen"));
  for (int i = 0; i < 3000; ++i) {
    const std::string text = RandomText(random, i % 2 == 0);
    CHECK(bytes.Decode(bytes.Encode(text)) == ValidUtf8(text));
    CHECK(merged.Decode(merged.Encode(text)) == ComposeUtf8(ValidUtf8(text)));
  }
}

TEST_CASE("a byte tokenizer has one id per byte, then its added tokens") {
  const TempFolder scratch;
  WriteByteTokenizer(scratch / ".", {"<stop>", "\\boxed{", "<stop>>"}, "<stop>");
  const Tokenizer tokenizer = Tokenizer::Load(scratch / ".");
  CHECK(tokenizer.VocabularySize() == 259);
  CHECK(tokenizer.Encode("A\\boxed{<stop>><stop>") == std::vector<TokenId>{'A', 257, 258, 256});
  CHECK(tokenizer.IdOf("<stop>") == 256);
  CHECK(tokenizer.IdOf("A") == 65);
  CHECK(!tokenizer.IdOf("nothing"));
  CHECK(tokenizer.EosIds() == std::vector<TokenId>{256});
  CHECK(tokenizer.Decode({0xC3, 0xA9, 0xC3, 9999, -4}) == "\xC3\xA9\xEF\xBF\xBD");
}

TEST_CASE("end-of-sequence ids come from generation_config, then config, then tokenizer_config") {
  const TempFolder scratch;
  WriteByteTokenizer(scratch / ".", {"<stop>", "<eos>"}, "<eos>");
  const auto ids = [&] { return Tokenizer::Load(scratch / ".").EosIds(); };
  CHECK(ids() == std::vector<TokenId>{257});
  WriteFileAtomically(scratch / "config.json", R"({"eos_token_id": 7})");
  CHECK(ids() == std::vector<TokenId>{7});
  WriteFileAtomically(scratch / "generation_config.json", R"({"eos_token_id": [3, 4]})");
  CHECK(ids() == std::vector<TokenId>{3, 4});
}

TEST_CASE("a component that is not supported is named") {
  CHECK(ErrorOf(ByteTokenizerJson()) == "");
  const auto with = [](const char* pointer, const json& value) {
    json tokenizer = ByteTokenizerJson();
    tokenizer[json::json_pointer(pointer)] = value;
    return ErrorOf(tokenizer);
  };
  const auto names = [](const std::string& error, const char* word) {
    CHECK_MESSAGE(error.find(word) != std::string::npos, error);
  };
  names(with("/normalizer", {{"type", "NFKC"}}), "NFKC");
  names(with("/normalizer", {{"type", "Sequence"}, {"normalizers", {{{"type", "Lowercase"}}}}}),
        "Lowercase");
  names(with("/pre_tokenizer", {{"type", "Metaspace"}}), "Metaspace");
  names(with("/pre_tokenizer", nullptr), "ByteLevel");
  names(with("/decoder", {{"type", "WordPiece"}}), "decoder");
  names(with("/post_processor", {{"type", "BertProcessing"}}), "BertProcessing");
  names(with("/model/type", "Unigram"), "BPE");
  names(with("/model/dropout", 0.1), "dropout");
  names(with("/model/merges", {"a"}), "merge");
  names(with("/model/merges", {"a zz"}), "merge");
  names(with("/model/vocab", json::array()), "vocab");
  names(with("/added_tokens", {{{"id", 65}, {"content", "B"}}}), "added token");
  names(with("/pre_tokenizer",
             {{"type", "Split"}, {"pattern", {{"Regex", "("}}}, {"behavior", "Isolated"}}),
        "does not compile");
}

}  // namespace gradus
