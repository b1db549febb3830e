#include "workers/engine/attention_plan.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <tuple>

#include "schemas/base/error.h"

namespace gradus {
namespace {

// Siblings read the same slots before their own ones.
std::pair<std::int32_t, int> GroupOf(const TokenRow& row) { return {row.slots[0], row.shared}; }

// Rows [first, end) that follow each other in one path.
std::size_t RunEnd(std::span<const TokenRow> rows, std::size_t first) {
  std::size_t end = first + 1;
  while (end < rows.size() && rows[end].slots == rows[first].slots &&
         rows[end].position == rows[end - 1].position + 1) {
    ++end;
  }
  return end;
}

// First position that a row sees.
int FirstSeen(const TokenRow& row, int window) {
  return window > 0 ? std::max(0, row.position + 1 - window) : 0;
}

// Keys [from, to) of a row's path.
void AddRange(KeyRanges& ranges, int queries, const TokenRow& row, int from, int to) {
  from = std::min(from, to);
  ranges.Add(queries, row.slots[0] + from, to - from);
}

void AddSamples(std::span<const TokenRow> rows, int window, AttentionPlan& plan) {
  for (std::size_t i = 0; i < rows.size();) {
    std::size_t end = i + 1;
    while (window == 0 && end < rows.size() && GroupOf(rows[end]) == GroupOf(rows[i])) ++end;
    AddRange(plan.before, static_cast<int>(end - i), rows[i], FirstSeen(rows[i], window),
             rows[i].shared);
    i = end;
  }
  for (const TokenRow& row : rows) {
    const int first = std::max(row.shared, FirstSeen(row, window));
    plan.samples.Add(1, row.slots[first], row.position + 1 - first);
  }
}

void AddRuns(std::span<const TokenRow> rows, int window, AttentionPlan& plan) {
  for (std::size_t i = 0; i < rows.size();) {
    const std::size_t end = RunEnd(rows, i);
    const int begin = rows[i].position, count = static_cast<int>(end - i);
    plan.runs.Add(count, rows[i].slots[begin], count);
    if (window == 0) {
      AddRange(plan.before, count, rows[i], 0, begin);
    } else {
      for (; i < end; ++i) AddRange(plan.before, 1, rows[i], FirstSeen(rows[i], window), begin);
    }
    i = end;
  }
}

}  // namespace

void KeyRanges::Add(int queries, int begin, int keys) {
  if (begin_k.empty()) begin_k.push_back(0);
  cum_q.push_back(cum_q.back() + queries);
  begin_k.back() = begin;
  begin_k.push_back(begin);
  used_k.push_back(keys);
  max_q = std::max(max_q, queries);
  max_k = std::max(max_k, keys);
}

std::vector<int> AttentionOrder(std::span<const TokenRow> rows) {
  std::vector<int> order(rows.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    const TokenRow& left = rows[static_cast<std::size_t>(a)];
    const TokenRow& right = rows[static_cast<std::size_t>(b)];
    if ((left.shared < 0) != (right.shared < 0)) return right.shared < 0;
    return left.shared >= 0 && GroupOf(left) < GroupOf(right);
  });
  return order;
}

bool WindowMatters(std::span<const TokenRow> rows, int window) {
  return std::any_of(rows.begin(), rows.end(),
                     [&](const TokenRow& row) { return FirstSeen(row, window) > 0; });
}

AttentionPlan PlanAttention(std::span<const TokenRow> rows, int window) {
  AttentionPlan plan;
  while (plan.sample_rows < static_cast<int>(rows.size()) &&
         rows[static_cast<std::size_t>(plan.sample_rows)].shared >= 0) {
    ++plan.sample_rows;
  }
  const auto samples = static_cast<std::size_t>(plan.sample_rows);
  AddSamples(rows.first(samples), window, plan);
  AddRuns(rows.subspan(samples), window, plan);
  return plan;
}

int BucketOf(int value, int least) {
  int bucket = least;
  while (bucket < value) bucket *= 2;
  return bucket;
}

int RowBucket(int rows) {
  constexpr std::array kBuckets = {1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512};
  const auto bucket = std::lower_bound(kBuckets.begin(), kBuckets.end(), rows);
  return bucket != kBuckets.end() ? *bucket : (rows + 127) / 128 * 128;
}

void PadPlan(AttentionPlan& plan, int rows) {
  Require(plan.runs.entries() == 0 && plan.sample_rows <= rows,
          "only passes of samples are padded");
  for (KeyRanges* ranges : {&plan.before, &plan.samples}) {
    while (ranges->cum_q.back() < rows) ranges->Add(1, 0, 0);
    while (ranges->entries() < rows) ranges->Add(0, 0, 0);
  }
  plan.sample_rows = rows;
}

}  // namespace gradus
