#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "workers/engine/decoder_backend.h"

namespace gradus {

// Arguments of one variable-length attention call: entry i has queries [cum_q[i], cum_q[i+1]) and
// reads keys [begin_k[i], begin_k[i] + used_k[i]) of the arena. begin_k has one element more than
// there are entries; the last one is never read.
struct KeyRanges {
  std::vector<std::int32_t> cum_q = {0}, begin_k, used_k;
  int max_q = 1, max_k = 1;
  void Add(int queries, int begin, int keys);
  int entries() const { return static_cast<int>(used_k.size()); }
};

// How the rows of a pass attend. Two parts per row, merged by their log-sum-exp (the cascade of
// shared prefixes): the keys before its own ones, which siblings read together, and its own ones.
// REQUIRES slots in runs (SlotLayout::kRuns).
struct AttentionPlan {
  KeyRanges before;   // Over all rows, not causal: a group of siblings or a run of context rows.
  KeyRanges samples;  // Of sample rows, one query each: the sample's own keys.
  KeyRanges runs;     // Of context rows, causal: the run itself.
  int sample_rows = 0;
};

// The order in which rows are computed: samples first, siblings side by side, then context rows as
// they come. Element i is the index of the i-th row.
std::vector<int> AttentionOrder(std::span<const TokenRow> rows);

// `rows` in that order. `window` > 0: only the latest so many keys are seen, the own one included.
AttentionPlan PlanAttention(std::span<const TokenRow> rows, int window);

// True where a window leaves out keys of some row.
bool WindowMatters(std::span<const TokenRow> rows, int window);

// The next power of two, `least` at least: what a captured graph is made for.
int BucketOf(int value, int least);
// The number of rows a captured graph is made for.
int RowBucket(int rows);
// Pads a plan of samples alone to `rows` rows and as many entries, all additions without keys.
void PadPlan(AttentionPlan& plan, int rows);

}  // namespace gradus
