#include "workers/engine/gpu/pass_tensors.h"

#include <ATen/ops/from_blob.h>

#include <algorithm>

#include "schemas/base/error.h"

namespace gradus {
namespace {

constexpr int kLeastKeys = 1024;  // Graphs differ by the longest range of keys, in powers of two.

template <class Number>
at::Tensor OnHost(const std::vector<Number>& numbers, at::ScalarType type) {
  return at::from_blob(const_cast<Number*>(numbers.data()),
                       {static_cast<std::int64_t>(numbers.size())}, type);
}

}  // namespace

at::Tensor ToDevice(const at::Tensor& host, at::Device device) {
  return device.is_cuda() ? host.pin_memory().to(device, true) : host.clone();
}

PassNumbers::PassNumbers(std::span<const TokenRow> rows, std::span<const SlotCopy> copies,
                         const PassShape& shape, int padded)
    : rows_(std::max(static_cast<std::int64_t>(rows.size()), std::int64_t{padded})),
      copies_(static_cast<std::int64_t>(copies.size())),
      windowed_(shape.window > 0 && WindowMatters(rows, shape.window)),
      window_(shape.window) {
  Require(padded == 0 || copies.empty(), "a padded pass copies nothing");
  const auto count = static_cast<std::size_t>(rows_);
  longs_.assign(3 * count, 0);
  for (std::size_t i = 0; i < count; ++i) longs_[2 * count + i] = shape.scratch;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    longs_[i] = rows[i].token;
    longs_[count + i] =
        std::int64_t{rows[i].rope_table} * shape.max_length + std::int64_t{rows[i].position};
    longs_[2 * count + i] = rows[i].slot;
  }
  for (const SlotCopy& copy : copies) longs_.push_back(copy.from);
  for (const SlotCopy& copy : copies) longs_.push_back(copy.to);
  key_ = {rows_, windowed_};
  for (int window : windowed_ ? std::vector{0, shape.window} : std::vector{0}) {
    AttentionPlan plan = PlanAttention(rows, window);
    if (padded > 0) PadPlan(plan, padded);
    AddPlan(plan, shape.group, padded > 0);
  }
}

void PassNumbers::AddPlan(const AttentionPlan& plan, int group, bool padded) {
  AddRanges(plan.before, group, padded);
  AddRanges(plan.samples, 1, padded);
  AddRanges(plan.runs, 1, padded);
  sample_rows_.push_back(plan.sample_rows);
}

void PassNumbers::AddRanges(const KeyRanges& ranges, int group, bool padded) {
  const int max_q = padded ? BucketOf(ranges.max_q, 1) : ranges.max_q;
  const int max_k = padded ? BucketOf(ranges.max_k, kLeastKeys) : ranges.max_k;
  calls_.push_back({ranges.entries(), std::int64_t{max_q} * group, max_k});
  key_.insert(key_.end(), {max_q, max_k});
  for (const std::int32_t queries : ranges.cum_q) ints_.push_back(queries * group);
  // Without entries there is no range; the place keeps the layout.
  ints_.insert(ints_.end(), ranges.begin_k.begin(), ranges.begin_k.end());
  if (ranges.begin_k.empty()) ints_.push_back(0);
  ints_.insert(ints_.end(), ranges.used_k.begin(), ranges.used_k.end());
}

PassTensors PassNumbers::View(at::Tensor longs, at::Tensor ints) const {
  PassTensors pass;
  pass.longs = longs;
  pass.ints = ints;
  pass.tokens = longs.narrow(0, 0, rows_);
  pass.rotations = longs.narrow(0, rows_, rows_);
  pass.slots = longs.narrow(0, 2 * rows_, rows_);
  pass.from = longs.narrow(0, 3 * rows_, copies_);
  pass.to = longs.narrow(0, 3 * rows_ + copies_, copies_);
  std::int64_t at = 0;
  std::size_t call = 0;
  const auto take = [&](std::int64_t count) {
    at += count;
    return ints.narrow(0, at - count, count);
  };
  const auto ranges = [&] {
    const Call& sizes = calls_[call++];
    KeyRangeTensors out;
    out.cum_q = take(sizes.entries + 1);
    out.begin_k = take(sizes.entries + 1);
    out.used_k = take(sizes.entries);
    out.max_q = sizes.max_q;
    out.max_k = sizes.max_k;
    return out;
  };
  const auto plan = [&](std::size_t index, int window) {
    PlanTensors out;
    out.before = ranges();
    out.samples = ranges();
    out.runs = ranges();
    out.runs.causal = true;
    if (window > 0) out.runs.window_left = window - 1;
    out.sample_rows = sample_rows_[index];
    return out;
  };
  pass.all = plan(0, 0);
  pass.windowed = windowed_ ? plan(1, window_) : pass.all;
  return pass;
}

PassTensors PassNumbers::Upload(at::Device device) const {
  return View(ToDevice(OnHost(longs_, at::kLong), device),
              ToDevice(OnHost(ints_, at::kInt), device));
}

void PassNumbers::UploadInto(PassTensors& tensors, at::Device device) const {
  tensors.longs.copy_(ToDevice(OnHost(longs_, at::kLong), device));
  tensors.ints.copy_(ToDevice(OnHost(ints_, at::kInt), device));
}

}  // namespace gradus
