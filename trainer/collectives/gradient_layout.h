#pragma once
#include <algorithm>
#include <cstddef>
#include <vector>

namespace gradus {

// A stretch [first, last) of the flat parameter buffer.
struct ParameterRange {
  std::size_t first = 0, last = 0;
  std::size_t size() const { return last - first; }
  bool empty() const { return first == last; }
};

inline ParameterRange Intersection(ParameterRange a, ParameterRange b) {
  const std::size_t first = std::max(a.first, b.first);
  return {first, std::max(first, std::min(a.last, b.last))};
}

// Borders of shards and buckets lie on multiples of this many values; the gradient norm is summed
// block by block.
constexpr std::size_t kBlock = 1024;

// How the flat gradient is cut for one training run.
struct GradientLayout {
  std::size_t parameters = 0;
  int leaves = 0;                       // Of the gradient sum: the micro-batches of a step.
  std::vector<ParameterRange> buckets;  // What is handed over at once; the last stretch comes
                                        // first, as backward finishes it first.
  std::vector<ParameterRange> shards;   // By owner; may be empty.
  // What `rank` owns of a bucket.
  ParameterRange Piece(std::size_t bucket, int rank) const {
    return Intersection(buckets[bucket], shards[static_cast<std::size_t>(rank)]);
  }
};

// Shards of equal size to one block. `bucket` values per bucket, rounded up to whole blocks.
GradientLayout LayOut(std::size_t parameters, int leaves, int ranks, std::size_t bucket);

}  // namespace gradus
