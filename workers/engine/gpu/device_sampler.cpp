#include "workers/engine/gpu/device_sampler.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/argmax.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/cumsum.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/minimum.h>
#include <ATen/ops/sort.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>

#include <limits>

#include "workers/engine/gpu/pass_tensors.h"

namespace gradus {
namespace {

constexpr std::int64_t kBlock = 256;
constexpr double kBelowOne = 1 - 1e-12;
constexpr double kNoLimit = std::numeric_limits<TokenId>::max();

// [N, 1]: of each row of `sums`, float64 and rising, how many are at most `target` [N, 1].
at::Tensor CountUpTo(const at::Tensor& sums, const at::Tensor& target) {
  return (sums <= target).sum(-1, true);
}

// Inverse of the cumulative distribution over weights [N, M] in their order: int64 [N, 1]. Two
// levels, so that the weights are read twice and the sums are exact enough in float64.
at::Tensor InvertDistribution(at::Tensor weights, const at::Tensor& uniform) {
  const std::int64_t size = weights.size(1), blocks = (size + kBlock - 1) / kBlock;
  weights = at::constant_pad_nd(weights, {0, blocks * kBlock - size})
                .view({weights.size(0), blocks, kBlock});
  const at::Tensor sums = at::cumsum(weights.sum(-1, false, at::kDouble), -1);
  const at::Tensor target = uniform * sums.narrow(1, blocks - 1, 1);
  const at::Tensor block = CountUpTo(sums, target).clamp_max(blocks - 1);
  const at::Tensor before =
      at::where(block > 0, sums.gather(1, (block - 1).clamp_min(0)), at::zeros_like(target));
  const at::Tensor inside = at::cumsum(
      weights.gather(1, block.unsqueeze(-1).expand({-1, 1, kBlock})).squeeze(1).to(at::kDouble),
      -1);
  // Rounding must not carry the draw past the last token with any weight.
  const at::Tensor left = at::minimum(target - before, inside.narrow(1, kBlock - 1, 1) * kBelowOne);
  return block * kBlock + CountUpTo(inside, left).clamp_max(kBlock - 1);
}

}  // namespace

DrawPlan::DrawPlan(const std::vector<DrawOrder>& orders, at::Device device) {
  const auto count = static_cast<std::int64_t>(orders.size());
  const at::Tensor host = at::empty({6, count, 1}, at::kDouble);
  double* numbers = host.data_ptr<double>();
  for (std::int64_t i = 0; i < count; ++i) {
    const SamplingOptions& sampling = orders[static_cast<std::size_t>(i)].sampling;
    const bool certain = sampling.temperature <= 0;
    any_greedy_ |= certain;
    any_sampled_ |= !certain;
    any_filtered_ |= !certain && (sampling.top_p < 1 || sampling.top_k > 0 || sampling.min_p > 0);
    numbers[i] = certain;
    numbers[count + i] = orders[static_cast<std::size_t>(i)].uniform;
    numbers[2 * count + i] = certain ? 1 : sampling.temperature;
    numbers[3 * count + i] = sampling.top_p;
    numbers[4 * count + i] = sampling.min_p;
    numbers[5 * count + i] = sampling.top_k > 0 ? sampling.top_k : kNoLimit;
  }
  const at::Tensor all = ToDevice(host, device);
  greedy_ = all[0];
  uniform_ = all[1];
  temperature_ = all[2];
  top_p_ = all[3];
  min_p_ = all[4];
  top_k_ = all[5];
}

DeviceDraws DrawPlan::Draw(const at::Tensor& logits) const {
  at::Tensor ids;
  if (any_sampled_) ids = any_filtered_ ? SampledFromSorted(logits) : Sampled(logits);
  if (any_greedy_) {
    const at::Tensor best = at::argmax(logits, -1);
    ids = any_sampled_ ? at::where(greedy_.squeeze(1) > 0, best, ids) : best;
  }
  const at::Tensor chosen = logits.gather(1, ids.unsqueeze(1)).squeeze(1);
  return {ids, chosen - at::logsumexp(logits, -1)};
}

at::Tensor DrawPlan::Sampled(const at::Tensor& logits) const {
  const at::Tensor weights = ((logits - logits.amax(-1, true)) / temperature_.to(at::kFloat)).exp();
  return InvertDistribution(weights, uniform_).squeeze(1);
}

// top_p: the shortest head whose probability reaches it; the most likely token always stays. Its
// weight is 1, so min_p is a bound on weights.
at::Tensor DrawPlan::SampledFromSorted(const at::Tensor& logits) const {
  const auto [sorted, order] = at::sort(logits, true, -1, true);
  const at::Tensor rank = at::arange(logits.size(1), order.options()).unsqueeze(0);
  at::Tensor weights = ((sorted.to(at::kDouble) - sorted.narrow(1, 0, 1)) / temperature_).exp();
  weights = weights.masked_fill(rank >= top_k_, 0);
  const at::Tensor sums = at::cumsum(weights, -1);
  const at::Tensor total = sums.narrow(1, -1, 1);
  const at::Tensor kept =
      (rank == 0).logical_or(((sums - weights) < top_p_ * total).logical_and(weights >= min_p_));
  const at::Tensor choice =
      InvertDistribution(weights.masked_fill(kept.logical_not(), 0), uniform_);
  const at::Tensor drawn = order.gather(1, choice).squeeze(1);
  // Rows that ask for no filter draw in the order of the tokens.
  const at::Tensor plain = (top_p_ >= 1).logical_and(min_p_ <= 0).logical_and(top_k_ >= kNoLimit);
  return at::where(plain.squeeze(1), Sampled(logits), drawn);
}

}  // namespace gradus
