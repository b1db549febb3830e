#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "workers/models/rope.h"

namespace gradus {

// A piece of text inside a pack. Its tokens see each other causally and all tokens of the parent,
// whose positions they continue: so what several texts begin with is computed once.
struct Segment {
  std::int32_t first = 0, length = 0;  // Rows of the pack.
  std::int32_t parent = -1;            // Segment it continues; a parent has no parent itself.
  std::int32_t position = 0;           // Of its first token in the whole text.
};

// Texts one after another, computed as one [tokens, hidden] matrix: nothing is padding.
class PackedTokens {
 public:
  // Returns the number of the new segment. `piece` may not be empty.
  int Add(std::span<const std::int32_t> piece, int parent = -1);
  std::int64_t size() const { return std::int64_t(tokens_.size()); }
  const std::vector<std::int64_t>& tokens() const { return tokens_; }
  const std::vector<Segment>& segments() const { return segments_; }
  const Segment& segment(int index) const { return segments_[std::size_t(index)]; }
  // Row of a segment's last token.
  std::int64_t LastOf(int index) const {
    return segment(index).first + std::int64_t{segment(index).length} - 1;
  }

 private:
  std::vector<std::int64_t> tokens_;
  std::vector<Segment> segments_;
};

// Cosines and sines by which each row of a pack turns, [tokens, dims / 2] each. Where the table
// depends on the length of the text, all texts that continue one parent must want the same.
struct Rotations {
  std::vector<float> cos, sin;
};
Rotations RotationsOf(const RopeConfig& rope, const PackedTokens& pack);

}  // namespace gradus
