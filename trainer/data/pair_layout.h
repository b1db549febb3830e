#pragma once
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "schemas/training_row.h"
#include "trainer/model/packed_tokens.h"

namespace gradus {

// Pairs laid out for one forward pass. What they have in common is there once: a prefix for all
// sides that continue it, a side for all pairs it stands in.
class PairLayout {
 public:
  explicit PairLayout(const RopeConfig& rope) : rope_(&rope) {}
  void Add(const PreferencePair& pair);
  const PackedTokens& tokens() const { return tokens_; }
  // Rows of the sides' last tokens, where they are scored, in the order of adding.
  const std::vector<std::int64_t>& chosen() const { return chosen_; }
  const std::vector<std::int64_t>& rejected() const { return rejected_; }

 private:
  using Tokens = std::vector<std::int32_t>;
  std::int64_t AddSide(const Tokens& prefix, const Tokens& side);
  int SegmentOf(const Tokens& tokens, int parent, int table);

  const RopeConfig* rope_;
  PackedTokens tokens_;
  // By parent and rotary table: texts of different tables share nothing.
  std::map<std::pair<std::pair<int, int>, Tokens>, int> segments_;
  std::vector<std::int64_t> chosen_, rejected_;
};

}  // namespace gradus
