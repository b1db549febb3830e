#pragma once
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "schemas/base/seed.h"
#include "trainer/collectives/collectives.h"
#include "trainer/collectives/partial_sums.h"

namespace gradus {

// Planted leaf gradients of many magnitudes, so that another order of addition gives other bits.
inline std::vector<at::Tensor> RandomLeaves(int leaves, std::size_t length) {
  std::vector<at::Tensor> tensors;
  Random random(MixSeed(7, std::uint64_t(leaves)));
  for (int leaf = 0; leaf < leaves; ++leaf) {
    tensors.push_back(at::empty({std::int64_t(length)}, at::kFloat));
    float* values = tensors.back().mutable_data_ptr<float>();
    for (std::size_t i = 0; i < length; ++i)
      values[i] = float((random.Uniform() - 0.5) * std::pow(10.0, double(random.Below(9))));
  }
  return tensors;
}

// The tree, written down independently: pairs of neighbours, an odd one passes through.
inline at::Tensor ReferenceSum(std::vector<at::Tensor> level) {
  while (level.size() > 1) {
    std::vector<at::Tensor> next;
    for (std::size_t i = 0; i < level.size(); i += 2)
      next.push_back(i + 1 < level.size() ? level[i].add(level[i + 1]) : level[i]);
    level = std::move(next);
  }
  return level[0];
}

inline std::string BitsOf(const at::Tensor& tensor) {
  const at::Tensor host = tensor.contiguous();
  return {static_cast<const char*>(host.const_data_ptr()), host.nbytes()};
}

inline double LargestDifference(const at::Tensor& a, const at::Tensor& b) {
  return a.sub(b).abs().max().item<double>();
}

// One reduce-scatter and all-gather of the leaves by one member: the whole sum.
inline at::Tensor SumByGroup(Collectives& group, const GradientLayout& layout,
                             const std::vector<at::Tensor>& leaves) {
  PartialSums partials(layout.leaves, at::empty({std::int64_t(layout.parameters)}, at::kFloat));
  const LeafRange own = LeavesOf(group.rank(), group.size(), layout.leaves);
  for (int leaf = own.first; leaf < own.last; ++leaf) {
    partials.Arrive({leaf, 0});
    partials.Add(leaves[std::size_t(leaf)], {0, layout.parameters});
  }
  for (std::size_t bucket = 0; bucket < layout.buckets.size(); ++bucket)
    group.StartSum(layout, bucket, partials.Waiting(layout.buckets[bucket]));
  at::Tensor flat = at::zeros({std::int64_t(layout.parameters)}, at::kFloat);
  const ParameterRange shard = layout.shards[std::size_t(group.rank())];
  at::Tensor mine = flat.narrow(0, std::int64_t(shard.first), std::int64_t(shard.size()));
  group.FinishSum(layout, mine);
  group.AllGather(layout, flat);
  return flat;
}

}  // namespace gradus
