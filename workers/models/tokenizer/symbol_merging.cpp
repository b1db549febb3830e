#include "workers/models/tokenizer/symbol_merging.h"

#include <algorithm>
#include <array>
#include <limits>
#include <queue>
#include <vector>

namespace gradus {
namespace {

constexpr std::size_t kShortPiece = 48;  // Up to here scanning all pairs beats a heap.
constexpr Merge kNoMerge = {std::numeric_limits<std::int32_t>::max(), -1};

std::size_t MergeShort(const PairMap& merges, std::span<std::int32_t> symbols) {
  std::array<Merge, kShortPiece> pair;  // pair[i]: the merge of symbols i and i + 1.
  const auto look = [&](std::size_t i) {
    const Merge* merge = merges.Find(symbols[i], symbols[i + 1]);
    pair[i] = merge ? *merge : kNoMerge;
  };
  std::size_t count = symbols.size();
  for (std::size_t i = 0; i + 1 < count; ++i) look(i);
  while (count > 1) {
    std::size_t best = 0;
    for (std::size_t i = 1; i + 1 < count; ++i) {
      if (pair[i].rank < pair[best].rank) best = i;
    }
    if (pair[best].id < 0) break;
    symbols[best] = pair[best].id;
    --count;
    for (std::size_t i = best + 1; i < count; ++i) {
      symbols[i] = symbols[i + 1];
      pair[i - 1] = pair[i];
    }
    if (best + 1 < count) look(best);
    if (best > 0) look(best - 1);
  }
  return count;
}

struct Candidate {
  std::int32_t rank, id;
  std::size_t at;
  std::int32_t left, right;
  bool operator<(const Candidate& o) const {  // The queue's top: lowest rank, then leftmost.
    return rank != o.rank ? rank > o.rank : at > o.at;
  }
};

std::size_t MergeLong(const PairMap& merges, std::span<std::int32_t> symbols) {
  const std::size_t count = symbols.size();
  std::vector<std::size_t> next(count), previous(count);
  for (std::size_t i = 0; i < count; ++i) {
    next[i] = i + 1;
    previous[i] = i - 1;  // Wraps for the first: never read.
  }
  std::priority_queue<Candidate> queue;
  const auto offer = [&](std::size_t i) {
    if (next[i] >= count) return;
    const Merge* merge = merges.Find(symbols[i], symbols[next[i]]);
    if (merge) queue.push({merge->rank, merge->id, i, symbols[i], symbols[next[i]]});
  };
  for (std::size_t i = 0; i + 1 < count; ++i) offer(i);
  while (!queue.empty()) {
    const Candidate top = queue.top();
    queue.pop();
    // Stale when either side was merged meanwhile; a dead right side has symbol -1.
    if (symbols[top.at] != top.left || next[top.at] >= count ||
        symbols[next[top.at]] != top.right) {
      continue;
    }
    const std::size_t dead = next[top.at];
    symbols[top.at] = top.id;
    symbols[dead] = -1;
    next[top.at] = next[dead];
    if (next[dead] < count) previous[next[dead]] = top.at;
    offer(top.at);
    if (top.at > 0) offer(previous[top.at]);
  }
  return static_cast<std::size_t>(std::remove(symbols.begin(), symbols.end(), -1) -
                                  symbols.begin());
}

}  // namespace

std::size_t MergeSymbols(const PairMap& merges, std::span<std::int32_t> symbols) {
  return symbols.size() <= kShortPiece ? MergeShort(merges, symbols) : MergeLong(merges, symbols);
}

}  // namespace gradus
