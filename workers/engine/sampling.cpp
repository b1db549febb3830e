#include "workers/engine/sampling.h"

#include <algorithm>
#include <cmath>

#include "workers/compute/cpu_kernels.h"

namespace gradus {
namespace {

// Higher logit first, then lower id: an order without ties.
bool Before(const std::pair<float, TokenId>& a, const std::pair<float, TokenId>& b) {
  return a.first != b.first ? a.first > b.first : a.second < b.second;
}

}  // namespace

TokenSampler::TokenSampler(int vocabulary)
    : vocabulary_(vocabulary), weights_(static_cast<std::size_t>(vocabulary)) {}

TokenId TokenSampler::Greedy(const float* logits, float best) const {
  for (int i = 0; i < vocabulary_; ++i) {
    if (logits[i] == best) return i;
  }
  return 0;
}

TokenDraw TokenSampler::Draw(const float* logits, const SamplingOptions& options, Seed seed) {
  const float best = Maximum(logits, vocabulary_);
  double total = ExpSum(logits, best, 1.0f, vocabulary_, weights_.data());
  const double norm = static_cast<double>(best) + std::log(total);
  TokenId id;
  if (options.temperature <= 0) {
    id = Greedy(logits, best);
  } else if (options.top_p < 1 || options.top_k > 0 || options.min_p > 0) {
    id = DrawFiltered(logits, options, UniformFromBits(seed));
  } else {
    if (options.temperature != 1.0) {
      total = ExpSum(logits, best, static_cast<float>(1 / options.temperature), vocabulary_,
                     weights_.data());
    }
    id = DrawAll(total, UniformFromBits(seed));
  }
  return {id, static_cast<float>(static_cast<double>(logits[id]) - norm)};
}

// Inverse of the cumulative distribution over weights_, whose sum ExpSum built from blocks of 8.
TokenId TokenSampler::DrawAll(double total, double uniform) const {
  double left = uniform * total;
  int i = 0;
  for (; i + 8 <= vocabulary_; i += 8) {
    const float* w = weights_.data() + i;
    const double block =
        static_cast<double>(((w[0] + w[4]) + (w[2] + w[6])) + ((w[1] + w[5]) + (w[3] + w[7])));
    if (left < block) break;
    left -= block;
  }
  for (; i < vocabulary_; ++i) {
    const double weight = static_cast<double>(weights_[static_cast<std::size_t>(i)]);
    if (left < weight) return i;
    left -= weight;
  }
  // Rounding carried `left` past the end: the last token with any weight.
  for (i = vocabulary_ - 1; i > 0 && weights_[static_cast<std::size_t>(i)] == 0; --i) {
  }
  return i;
}

TokenId TokenSampler::DrawFiltered(const float* logits, const SamplingOptions& options,
                                   double uniform) {
  order_.resize(static_cast<std::size_t>(vocabulary_));
  for (int i = 0; i < vocabulary_; ++i) order_[static_cast<std::size_t>(i)] = {logits[i], i};
  std::size_t keep = order_.size();
  if (options.top_k > 0) keep = std::min(keep, static_cast<std::size_t>(options.top_k));
  std::partial_sort(order_.begin(), order_.begin() + static_cast<std::ptrdiff_t>(keep),
                    order_.end(), Before);
  std::vector<double> weight(keep);
  double total = 0;
  for (std::size_t i = 0; i < keep; ++i) {
    weight[i] =
        std::exp((static_cast<double>(order_[i].first) - static_cast<double>(order_[0].first)) /
                 options.temperature);
    total += weight[i];
  }
  // top_p: the shortest head whose probability reaches it; the most likely token always stays. Its
  // weight is 1, so min_p is a bound on weights.
  double kept_weight = 0;
  std::size_t kept = 0;
  while (kept < keep &&
         (kept == 0 || (kept_weight < options.top_p * total && weight[kept] >= options.min_p))) {
    kept_weight += weight[kept++];
  }
  double left = uniform * kept_weight;
  for (std::size_t i = 0; i < kept; ++i) {
    if (left < weight[i]) return order_[i].second;
    left -= weight[i];
  }
  return order_[kept - 1].second;
}

double TokenSampler::LogProb(const float* logits, TokenId id) {
  const float best = Maximum(logits, vocabulary_);
  const double total = ExpSum(logits, best, 1.0f, vocabulary_, weights_.data());
  return static_cast<double>(logits[id]) - (static_cast<double>(best) + std::log(total));
}

std::vector<std::pair<TokenId, float>> TokenSampler::Top(const float* logits, int count) {
  order_.resize(static_cast<std::size_t>(vocabulary_));
  for (int i = 0; i < vocabulary_; ++i) order_[static_cast<std::size_t>(i)] = {logits[i], i};
  const auto keep = std::min(order_.size(), static_cast<std::size_t>(count));
  std::partial_sort(order_.begin(), order_.begin() + static_cast<std::ptrdiff_t>(keep),
                    order_.end(), Before);
  std::vector<std::pair<TokenId, float>> top;
  for (std::size_t i = 0; i < keep; ++i) top.emplace_back(order_[i].second, order_[i].first);
  return top;
}

}  // namespace gradus
