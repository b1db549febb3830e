#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "workers/policy/strict_json.h"

namespace gradus {

// The 256-letter alphabet of byte-level BPE: printable bytes stand for themselves, the others for
// U+0100 and on.
std::string ByteSymbol(unsigned char byte);
// The bytes that a vocabulary entry stands for; an entry with a character outside the alphabet
// stands for itself.
std::string BytesOfEntry(std::string_view entry);

// Vocabulary and merges of a byte-level BPE model. Immutable, any thread.
class MergeTable {
 public:
  // Throws Error naming what is unsupported or inconsistent in the "model" object.
  MergeTable(const Json& model, const std::string& origin);

  // Appends the ids of one piece of text: start from bytes, merge the pair of lowest rank, leftmost
  // on ties, until none is left. Bytes without a symbol in the vocabulary are dropped.
  void Encode(std::string_view piece, std::vector<std::int32_t>& ids) const;
  std::optional<std::int32_t> IdOf(const std::string& entry) const;
  const std::unordered_map<std::string, std::int32_t>& vocabulary() const { return vocabulary_; }

 private:
  struct Merge {
    std::int32_t rank, id;
  };
  void ReadVocabulary(const Json& model, const std::string& origin);
  void ReadMerges(const Json& model, const std::string& origin);
  void CheckOptions(const Json& model, const std::string& origin) const;
  const Merge* FindMerge(std::int32_t left, std::int32_t right) const;
  void MergeShort(std::vector<std::int32_t>& symbols) const;
  void MergeLong(std::vector<std::int32_t>& symbols) const;

  std::unordered_map<std::string, std::int32_t> vocabulary_;
  std::unordered_map<std::uint64_t, Merge> merges_;
  std::array<std::int32_t, 256> byte_ids_{};  // -1: not in the vocabulary.
  bool ignore_merges_ = false;
};

}  // namespace gradus
