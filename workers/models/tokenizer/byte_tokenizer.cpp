#include <algorithm>

#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "schemas/base/strict_json.h"
#include "workers/models/tokenizer/byte_alphabet.h"
#include "workers/models/tokenizer/tokenizer.h"

namespace gradus {
namespace {

OrderedJson ByteLevelPart(bool add_prefix_space) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", add_prefix_space},
          {"trim_offsets", true},
          {"use_regex", false}};
}

OrderedJson SpecialToken(int id, const std::string& content) {
  return {{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
          {"rstrip", false}, {"normalized", false}, {"special", true}};
}

}  // namespace

void WriteByteTokenizer(const fs::path& folder, const std::vector<std::string>& added,
                        const std::string& eos, const std::string& alphabet) {
  OrderedJson vocab = OrderedJson::object(), tokens = OrderedJson::array();
  for (int b = 0; b < 256; ++b) {
    const bool wanted =
        alphabet.empty() || alphabet.find(static_cast<char>(b)) != std::string::npos;
    const std::size_t id = vocab.size();
    if (wanted) vocab[ByteSymbol(static_cast<unsigned char>(b))] = id;
  }
  const int first_added = static_cast<int>(vocab.size());
  for (const std::string& content : added) {
    if (std::count(added.begin(), added.end(), content) > 1) {
      Fail("added token {} is listed twice", content);
    }
    tokens.push_back(SpecialToken(first_added + static_cast<int>(tokens.size()), content));
  }
  const OrderedJson tokenizer = {{"version", "1.0"},
                                 {"truncation", nullptr},
                                 {"padding", nullptr},
                                 {"added_tokens", tokens},
                                 {"normalizer", nullptr},
                                 {"pre_tokenizer", ByteLevelPart(false)},
                                 {"post_processor", nullptr},
                                 {"decoder", ByteLevelPart(true)},
                                 {"model",
                                  {{"type", "BPE"},
                                   {"dropout", nullptr},
                                   {"unk_token", nullptr},
                                   {"continuing_subword_prefix", nullptr},
                                   {"end_of_word_suffix", nullptr},
                                   {"fuse_unk", false},
                                   {"byte_fallback", false},
                                   {"ignore_merges", false},
                                   {"vocab", vocab},
                                   {"merges", OrderedJson::array()}}}};
  OrderedJson config = {{"tokenizer_class", "PreTrainedTokenizerFast"},
                        {"clean_up_tokenization_spaces", false}};
  if (!eos.empty()) config["eos_token"] = eos;
  MakeFolder(folder);
  WriteFileAtomically(folder / "tokenizer.json", tokenizer.dump(1) + "\n");
  WriteFileAtomically(folder / "tokenizer_config.json", config.dump(2) + "\n");
}

}  // namespace gradus
