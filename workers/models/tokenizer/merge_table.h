#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "schemas/base/strict_json.h"
#include "workers/models/tokenizer/pair_map.h"

namespace gradus {

// Vocabulary and merges of a BPE model. Immutable, any thread.
class MergeTable {
 public:
  // What merging starts from: bytes by their letter of the byte alphabet, or code points.
  enum class Symbols { kBytes, kCharacters };

  // Throws Error naming what is unsupported or inconsistent in the "model" object.
  MergeTable(const Json& model, Symbols symbols, const std::string& origin);

  // Appends the ids of one piece of text: merge the pair of lowest rank, leftmost on ties, until
  // none is left. A symbol that the vocabulary lacks becomes its <0x..> bytes, else the unknown
  // token, else nothing, as far as the file has these. REQUIRES valid UTF-8 for characters.
  void Encode(std::string_view piece, std::vector<std::int32_t>& ids) const;
  std::optional<std::int32_t> IdOf(const std::string& entry) const;
  const std::unordered_map<std::string, std::int32_t>& vocabulary() const { return vocabulary_; }

 private:
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };

  void ReadVocabulary(const Json& model, const std::string& origin);
  void ReadMerges(const Json& model, const std::string& origin);
  void ReadOptions(const Json& model, const std::string& origin);
  void FindSymbols();
  void FindWholePieces();
  std::int32_t IdOrNone(const std::string& entry) const { return IdOf(entry).value_or(-1); }
  std::int32_t CharacterId(char32_t code) const;
  void AppendSymbols(std::string_view piece, std::vector<std::int32_t>& ids) const;
  bool AppendFallback(std::string_view symbol, std::vector<std::int32_t>& ids) const;

  std::unordered_map<std::string, std::int32_t> vocabulary_;
  PairMap merges_;
  std::array<std::int32_t, 256> byte_ids_{};      // Of the byte alphabet's letters; -1: none.
  std::array<std::int32_t, 256> fallback_ids_{};  // Of <0x00> to <0xFF>.
  std::unordered_map<char32_t, std::int32_t> character_ids_;
  // Pieces that become one token: the answer for most words of a text without merging.
  std::unordered_map<std::string, std::int32_t, TextHash, std::equal_to<>> whole_;
  Symbols symbols_;
  std::int32_t unknown_ = -1;
  bool ignore_merges_ = false, byte_fallback_ = false, fuse_unknown_ = false;
};

}  // namespace gradus
