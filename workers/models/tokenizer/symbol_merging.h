#pragma once
#include <cstdint>
#include <span>

#include "workers/models/tokenizer/pair_map.h"

namespace gradus {

// Merges neighbours in place, lowest rank first and leftmost on ties, until no pair has a merge.
// Returns how many symbols are left at the front. O(n log n).
std::size_t MergeSymbols(const PairMap& merges, std::span<std::int32_t> symbols);

}  // namespace gradus
