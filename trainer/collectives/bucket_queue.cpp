#include "trainer/collectives/bucket_queue.h"

#include <utility>

#include "schemas/base/error.h"

namespace gradus {

BucketQueue::BucketQueue(const GradientLayout& layout,
                         const std::vector<ParameterRange>& parameters,
                         std::function<void(std::size_t)> release)
    : buckets_(layout.buckets.size()),
      buckets_of_(parameters.size()),
      release_(std::move(release)),
      seen_(parameters.size()),
      piecemeal_(parameters.size()),
      members_(layout.buckets.size()) {
  for (std::size_t p = 0; p < parameters.size(); ++p) {
    for (std::size_t b = 0; b < buckets_; ++b) {
      if (Intersection(parameters[p], layout.buckets[b]).empty()) continue;
      buckets_of_[p].push_back(b);
      ++members_[b];
    }
  }
}

void BucketQueue::Begin(bool last) {
  last_ = last;
  next_ = 0;
  seen_.assign(seen_.size(), 0);
  unfinished_ = members_;
}

void BucketQueue::OnGradient(std::size_t parameter) {
  if (++seen_[parameter] > 1) piecemeal_[parameter] = true;
  for (std::size_t bucket : buckets_of_[parameter]) {
    Require(!last_ || bucket >= next_, "a gradient came after its bucket was handed over");
    if (seen_[parameter] == 1 && !piecemeal_[parameter]) --unfinished_[bucket];
  }
  if (last_ && warm_) ReleaseFinished();
}

void BucketQueue::ReleaseFinished() {
  while (next_ < buckets_ && unfinished_[next_] == 0) release_(next_++);
}

void BucketQueue::Finish() {
  if (!last_) return;
  while (next_ < buckets_) release_(next_++);
  warm_ = true;
}

}  // namespace gradus
