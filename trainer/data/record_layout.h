#pragma once
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "trainer/data/record.h"
#include "trainer/model/packed_tokens.h"

namespace gradus {

// The targets of a pack, one entry each; see TrainingText. What the records lack is empty.
struct PackTargets {
  std::vector<std::int64_t> rows;    // Of the pack: where the target itself lies,
  std::vector<std::int64_t> before;  // and the token before it, which predicts it.
  std::vector<std::int64_t> tokens;
  std::vector<double> weights, goals, advantages, old_log_probs;
};

// Records laid out for one forward pass. What they have in common is there once: a prefix for all
// texts that continue it, a text for all records it stands in.
class RecordLayout {
 public:
  explicit RecordLayout(const RopeConfig& rope) : rope_(&rope) {}
  // The record must outlive the layout, and have as many texts as those before it.
  void Add(const Record& record);
  const PackedTokens& tokens() const { return tokens_; }
  // Of the first texts of all records in the order of adding, then of their second ones.
  PackTargets Targets() const;

 private:
  using Tokens = std::vector<std::int32_t>;
  // Segments of one text; -1: empty.
  struct Place {
    const Record* record;
    std::size_t text;
    int prefix, own;
  };
  Place PlaceOf(const Record& record, std::size_t text);
  int SegmentOf(const Tokens& tokens, int parent, int table);
  std::int64_t RowOf(const Place& place, std::int32_t token) const;

  const RopeConfig* rope_;
  PackedTokens tokens_;
  // By parent and rotary table: texts of different tables share nothing.
  std::map<std::pair<std::pair<int, int>, Tokens>, int> segments_;
  std::vector<Place> places_;  // Record by record.
};

}  // namespace gradus
