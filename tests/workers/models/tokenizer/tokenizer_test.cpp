#include "workers/models/tokenizer/tokenizer.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "schemas/base/seed.h"
#include "tests/fakes/temp_folder.h"
#include "workers/models/tokenizer/utf8.h"

namespace gradus {
namespace {

using nlohmann::json;

std::filesystem::path Golden(const std::string& name) {
  return std::filesystem::path(GRADUS_SOURCE_DIR) / "tests/workers/models/golden" / name;
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

// Encodes and decodes the vectors of a folder beside its tokenizer.json; returns their number.
int CheckVectors(const std::filesystem::path& folder) {
  const Tokenizer tokenizer = Tokenizer::Load(folder);
  std::ifstream vectors(folder / "vectors.jsonl");
  int count = 0;
  for (std::string line; std::getline(vectors, line); ++count) {
    const json expected = json::parse(line);
    const std::string text = expected["text"];
    const std::vector<TokenId> ids = expected["ids"];
    const bool encoded = tokenizer.EncodeWithSpecials(text) == ids;
    CHECK_MESSAGE(encoded, folder.string(), ": ", line);
    const bool decoded = tokenizer.Decode(ids) == expected.value("decoded", text);
    CHECK_MESSAGE(decoded, folder.string(), ": ", line);
  }
  return count;
}

std::string ErrorOf(const std::string& tokenizer) {
  const TempFolder scratch;
  WriteFileAtomically(scratch / "tokenizer.json", tokenizer);
  try {
    Tokenizer::Load(scratch / ".");
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

std::string ErrorOf(const json& tokenizer) { return ErrorOf(tokenizer.dump()); }

json ByteTokenizerJson() {
  const TempFolder scratch;
  WriteByteTokenizer(scratch / ".", {"<stop>"}, "<stop>");
  return json::parse(ReadFile(scratch / "tokenizer.json"));
}

}  // namespace

TEST_CASE("golden vectors of the reference implementation are reproduced exactly") {
  int vectors = 0;
  for (const auto& entry : std::filesystem::directory_iterator(Golden(""))) {
    if (std::filesystem::exists(entry.path() / "vectors.jsonl")) {
      vectors += CheckVectors(entry.path());
    }
  }
  CHECK(vectors >= 6400);
}

TEST_CASE("a full-size Qwen vocabulary gives the ids of the reference implementation" *
          doctest::test_suite("needs vocabulary")) {
  const char* folder = std::getenv("GRADUS_QWEN_TOKENIZER");
  if (folder == nullptr) {
    MESSAGE("skipped: GRADUS_QWEN_TOKENIZER names no folder (see make_tokenizer_goldens.py)");
    return;
  }
  CHECK(Tokenizer::Load(folder).VocabularySize() == 151665);
  CHECK(CheckVectors(folder) >= 5000);
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

// A SentencePiece-like model of few entries.
json CharacterTokenizerJson() {
  return {{"normalizer", {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "_"}}},
          {"pre_tokenizer", nullptr},
          {"decoder", {{"type", "ByteFallback"}}},
          {"added_tokens", json::array()},
          {"model",
           {{"type", "BPE"},
            {"unk_token", "?"},
            {"byte_fallback", true},
            {"vocab", {{"?", 0}, {"a", 1}, {"_", 2}, {"_a", 3}, {"<0xC3>", 4}, {"<0xA9>", 5}}},
            {"merges", json::array({json::array({"_", "a"})})}}}};
}

Tokenizer LoadJson(const json& tokenizer) {
  const TempFolder scratch;
  WriteFileAtomically(scratch / "tokenizer.json", tokenizer.dump());
  return Tokenizer::Load(scratch / ".");
}

TEST_CASE("characters outside the vocabulary become bytes, where all are known, or unknown") {
  json file = CharacterTokenizerJson();
  const Tokenizer separate = LoadJson(file);
  CHECK(separate.Encode("a a\xC3\xA9\xC3\xA8zz") == std::vector<TokenId>{1, 3, 4, 5, 0, 0, 0});
  CHECK(separate.Decode({4, 5, 1, 5, 4, 0}) ==
        "\xC3\xA9"
        "a\xEF\xBF\xBD\xEF\xBF\xBD?");
  file["model"]["fuse_unk"] = true;
  CHECK(LoadJson(file).Encode("zzaz") == std::vector<TokenId>{0, 1, 0});
  file["model"].erase("unk_token");
  CHECK(LoadJson(file).Encode("zzaz") == std::vector<TokenId>{1});
}

TEST_CASE("merges are read as pairs and as words, and the lowest rank goes first at any length") {
  json file = CharacterTokenizerJson();
  file["model"]["vocab"] = {{"?", 0}, {"a", 1}, {"b", 2}, {"ab", 3}, {"ba", 4}, {"abab", 5}};
  file["model"]["merges"] = {"#version: 0.2", "b a", json::array({"a", "b"}), "ab ab"};
  const Tokenizer tokenizer = LoadJson(file);
  CHECK(tokenizer.Encode("abab") == std::vector<TokenId>{1, 4, 2});
  std::string text;
  std::vector<TokenId> ids = {1};
  for (int i = 0; i < 1000; ++i) text += "ab";
  ids.insert(ids.end(), 999, 4);
  ids.push_back(2);
  CHECK(tokenizer.Encode(text) == ids);
}

TEST_CASE("an encoded megabyte without a place to split takes no quadratic time") {
  const Tokenizer tokenizer = Tokenizer::Load(Golden("sentencepiece"));
  std::string text;
  while (text.size() < (1u << 20)) text += "the number divides ";
  CHECK(tokenizer.Decode(tokenizer.Encode(text)) == text);
}

TEST_CASE("letters and digits of Unicode 16 are letters and digits") {
  json file = ByteTokenizerJson();
  const auto pieces = [&](const char* pattern) {
    file["pre_tokenizer"] = {
        {"type", "Sequence"},
        {"pretokenizers",
         json::array(
             {{{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Removed"}},
              {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}}})}};
    const Tokenizer tokenizer = LoadJson(file);
    // U+1C89, a letter, and U+116D0, a digit, both of Unicode 16; U+180E is no space.
    return tokenizer.Decode(tokenizer.Encode("\xE1\xB2\x89\xF0\x91\x9B\x90\xE1\xA0\x8E \n"));
  };
  CHECK(pieces("\\p{L}") == "\xF0\x91\x9B\x90\xE1\xA0\x8E \n");
  CHECK(pieces("[\\p{N}\\s]") == "\xE1\xB2\x89\xE1\xA0\x8E");
  CHECK(pieces("\\d|\\p{Lu}") == "\xE1\xA0\x8E \n");
  CHECK(pieces("[^\\p{L}]") == "\xE1\xB2\x89");
  CHECK(pieces("\\S") == " \n");
  CHECK(pieces("[\\Sx]+|\\P{L}") == "");
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
  names(with("/pre_tokenizer", {{"type", "Whitespace"}}), "Whitespace");
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
  for (const char* pattern : {"\\w+", "[a[b]]", "[a&&b]", "[\\P{L}]", "\\bx", "\\pL"}) {
    names(with("/pre_tokenizer",
               {{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}}),
          "is not supported");
  }
}

TEST_CASE("a damaged file is one clear error") {
  const std::string whole = ByteTokenizerJson().dump();
  for (std::size_t size = 0; size < whole.size(); size += 97) {
    CHECK(ErrorOf(whole.substr(0, size)).find("not valid JSON") != std::string::npos);
  }
  const json id = {{"id", 256}, {"content", "<x>"}};
  const auto changed = [&](const char* key, const json& value) {
    json token = id;
    token[key] = value;
    return json::array({token});
  };
  json nested = {{"type", "NFC"}};
  for (int i = 0; i < 1000; ++i) {
    nested = {{"type", "Sequence"}, {"normalizers", json::array({nested})}};
  }
  const struct {
    const char* pointer;
    json value;
    const char* said;
  } kDamage[] = {
      {"/model", 7, "BPE"},
      {"/model/vocab/a", "65", "bad id"},
      {"/model/vocab/a", -1, "bad id"},
      {"/model/vocab/a", 1e9, "bad id"},
      {"/model/vocab/a", 4194304, "bad id"},
      {"/model/vocab/a", 66, "two vocab entries"},
      {"/model/merges", json::object(), "no merges"},
      {"/model/merges", json::array({json::array({"a", "b", "c"})}), "neither a pair"},
      {"/model/merges", json::array({json::array({"a", 1})}), "neither a pair"},
      {"/model/merges", json::array({"a b c"}), "neither a pair"},
      {"/model/merges", json::array({std::string(1 << 20, 'x') + " a"}), "the vocab lacks"},
      {"/model/merges", json::array({json::array({"a", "b"})}), "the vocab lacks"},
      {"/model/unk_token", "<none>", "unk_token"},
      {"/model/ignore_merges", "yes", "ignore_merges"},
      {"/added_tokens", json::object(), "added_tokens"},
      {"/added_tokens", json::array({1}), "content"},
      {"/added_tokens", changed("id", nullptr), "bad id"},
      {"/added_tokens", changed("id", 4294967296), "bad id"},
      {"/added_tokens", changed("id", 257), "by its place"},
      {"/model/vocab", {{"a", 0}, {"c", 2}}, "by its place"},
      {"/added_tokens", changed("lstrip", 1), "lstrip"},
      {"/added_tokens", json::array({id, {{"id", 257}, {"content", "<x>"}}}), "by its place"},
      {"/added_tokens", json::array({id, {{"id", 256}, {"content", "<y>"}}}), "by its place"},
      {"/normalizer", nested, "unsupported normalizer Sequence"},
      {"/normalizer", "NFC", "unsupported normalizer"},
      {"/normalizer", {{"type", 3}}, "unsupported normalizer"},
      {"/normalizer", {{"type", "Replace"}, {"content", ""}}, "pattern"},
      {"/pre_tokenizer", {{"type", "Sequence"}}, "pretokenizers"},
      {"/pre_tokenizer", {{"type", "ByteLevel"}, {"use_regex", 0}}, "use_regex"},
      {"/decoder", nullptr, "decoder"},
      {"/decoder", {{"type", "Sequence"}, {"decoders", json::array()}}, "both be ByteLevel"},
      {"/post_processor", {{"type", "TemplateProcessing"}}, "single"},
      {"/post_processor", {{"type", "TemplateProcessing"}, {"single", json::array()}}, "0 times"},
      {"/post_processor",
       {{"type", "TemplateProcessing"},
        {"single", json::array({{{"SpecialToken", {{"id", "<s>"}}}}})}},
       "ids"},
  };
  for (const auto& damage : kDamage) {
    json file = ByteTokenizerJson();
    file[json::json_pointer(damage.pointer)] = damage.value;
    const std::string error = ErrorOf(file);
    CHECK_MESSAGE(error.find(damage.said) != std::string::npos, damage.pointer, ": ",
                  error.substr(0, 200));
    CHECK(error.find('\n') == std::string::npos);
  }
}

TEST_CASE("a later template goes around an earlier one") {
  json file = ByteTokenizerJson();
  const auto around = [](int before, int after) {
    const auto special = [](const char* name) { return json{{"SpecialToken", {{"id", name}}}}; };
    const json text = {{"Sequence", {{"id", "A"}}}};
    return json{
        {"type", "TemplateProcessing"},
        {"single", json::array({special("l"), text, special("r")})},
        {"special_tokens",
         {{"l", {{"ids", json::array({before})}}}, {"r", {{"ids", json::array({after})}}}}}};
  };
  file["post_processor"] = {{"type", "Sequence"},
                            {"processors", json::array({around(1, 2), around(3, 4)})}};
  CHECK(LoadJson(file).EncodeWithSpecials("A") == std::vector<TokenId>{3, 1, 65, 2, 4});
}

}  // namespace gradus
