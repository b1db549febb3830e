#include "trainer/gradient_sum.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include "schemas/base/error.h"

namespace gradus {

GradientSum::GradientSum(Collectives& group, FlatModel& model, const GradientLayout& layout)
    : group_(group),
      model_(model),
      layout_(layout),
      own_(LeavesOf(group.rank(), group.size(), layout.leaves)),
      partials_(layout.leaves, at::empty_like(model.gradient())),
      queue_(layout, model.ranges(), [this](std::size_t bucket) { Release(bucket); }) {
  const ParameterRange shard = layout.shards.at(std::size_t(group.rank()));
  shard_ = at::empty({std::int64_t(shard.size())}, model.gradient().options());
  model.OnGradient([this](std::size_t parameter) { queue_.OnGradient(parameter); });
}

void GradientSum::AddLeaf(
    int leaf, const std::function<void(const std::function<void()>& last_pass)>& backward) {
  Require(leaf >= own_.first && leaf < own_.last, "a rank was given a leaf of another");
  if (leaf == own_.first) partials_.Clear();
  const bool last = leaf + 1 == own_.last;
  model_.gradient().zero_();
  partials_.Arrive({leaf, 0});
  bool announced = false;
  queue_.Begin(false);
  backward([&] {
    queue_.Begin(last);
    announced = true;
  });
  Require(announced, "an objective did not say which pass was its last");
  if (last) {
    queue_.Finish();
  } else {
    partials_.Add(model_.gradient(), {0, layout_.parameters});
  }
}

void GradientSum::Release(std::size_t bucket) {
  const ParameterRange range = layout_.buckets[bucket];
  partials_.Add(model_.gradient().narrow(0, std::int64_t(range.first), std::int64_t(range.size())),
                range);
  group_.StartSum(layout_, bucket, partials_.Waiting(range));
}

at::Tensor& GradientSum::Finish() {
  if (own_.first == own_.last) {
    for (std::size_t bucket = 0; bucket < layout_.buckets.size(); ++bucket)
      group_.StartSum(layout_, bucket, {});
  }
  group_.FinishSum(layout_, shard_);
  return shard_;
}

}  // namespace gradus
