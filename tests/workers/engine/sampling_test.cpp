#include "workers/engine/sampling.h"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

namespace gradus {
namespace {

std::vector<float> SomeLogits(int count, Seed seed) {
  Random random(seed);
  std::vector<float> logits;
  for (int i = 0; i < count; ++i) logits.push_back(static_cast<float>(4 * random.Uniform() - 2));
  return logits;
}

// Pearson's statistic of draws against the exact distribution.
double ChiSquare(TokenSampler& sampler, const std::vector<float>& logits, double temperature) {
  constexpr int kDraws = 40000;
  SamplingOptions options;
  options.temperature = temperature;
  std::vector<int> counts(logits.size(), 0);
  for (Seed i = 0; i < kDraws; ++i) {
    ++counts[static_cast<std::size_t>(sampler.Draw(logits.data(), options, MixSeed(3, i)).id)];
  }
  double total = 0, statistic = 0;
  for (float logit : logits) total += std::exp(static_cast<double>(logit) / temperature);
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const double expected = kDraws * std::exp(static_cast<double>(logits[i]) / temperature) / total;
    statistic += (counts[i] - expected) * (counts[i] - expected) / expected;
  }
  return statistic;
}

}  // namespace

TEST_CASE("draws follow the softmax at any temperature") {
  for (int size : {5, 8, 29, 64}) {
    const std::vector<float> logits = SomeLogits(size, static_cast<Seed>(size));
    TokenSampler sampler(size);
    // Mean size − 1, deviation √(2·size): five deviations.
    const double limit = size - 1 + 5 * std::sqrt(2.0 * size);
    CHECK(ChiSquare(sampler, logits, 1.0) < limit);
    CHECK(ChiSquare(sampler, logits, 0.5) < limit);
    CHECK(ChiSquare(sampler, logits, 2.0) < limit);
  }
}

TEST_CASE("log-probabilities are those of the softmax at temperature 1 whatever the temperature") {
  const std::vector<float> logits = SomeLogits(100, 1);
  TokenSampler sampler(100);
  double total = 0;
  for (float logit : logits) total += std::exp(static_cast<double>(logit));
  SamplingOptions options;
  options.temperature = 1.7;
  for (Seed i = 0; i < 200; ++i) {
    const TokenDraw draw = sampler.Draw(logits.data(), options, MixSeed(9, i));
    const double exact =
        static_cast<double>(logits[static_cast<std::size_t>(draw.id)]) - std::log(total);
    CHECK(static_cast<double>(draw.logprob) == doctest::Approx(exact).epsilon(1e-6));
    CHECK(sampler.LogProb(logits.data(), draw.id) == doctest::Approx(exact).epsilon(1e-6));
  }
}

TEST_CASE("top-k, top-p and min-p keep the head of the distribution and nothing else") {
  const std::vector<float> logits = {0, 3, 1, 2, -1};  // Probabilities .032 .636 .086 .234 .012
  TokenSampler sampler(5);
  const auto drawn = [&](SamplingOptions options) {
    std::vector<bool> seen(5, false);
    for (Seed i = 0; i < 2000; ++i) {
      seen[static_cast<std::size_t>(sampler.Draw(logits.data(), options, MixSeed(1, i)).id)] = true;
    }
    return seen;
  };
  CHECK(drawn({.top_k = 2}) == std::vector<bool>{false, true, false, true, false});
  CHECK(drawn({.top_p = 0.6}) == std::vector<bool>{false, true, false, false, false});
  CHECK(drawn({.top_p = 0.9}) == std::vector<bool>{false, true, true, true, false});
  CHECK(drawn({.top_p = 0.0}) == std::vector<bool>{false, true, false, false, false});
  CHECK(drawn({.min_p = 0.3}) == std::vector<bool>{false, true, false, true, false});
  CHECK(drawn({.min_p = 1.0}) == std::vector<bool>{false, true, false, false, false});
  CHECK(drawn({.temperature = 2, .min_p = 0.3}) ==
        std::vector<bool>{false, true, true, true, false});
  CHECK(drawn({.top_k = 1, .min_p = 0.01}) == std::vector<bool>{false, true, false, false, false});
  CHECK(drawn({.top_p = 0.99, .top_k = 3}) == std::vector<bool>{false, true, true, true, false});
}

TEST_CASE("greedy breaks ties toward the smaller id and extreme logits are survived") {
  TokenSampler sampler(4);
  const std::vector<float> ties = {1, 5, 5, 2};
  CHECK(sampler.Draw(ties.data(), {.temperature = 0}, 1).id == 1);
  const std::vector<float> extreme = {-1e30f, 1e30f, -1e30f, 0};
  const TokenDraw draw = sampler.Draw(extreme.data(), {}, 1);
  CHECK(draw.id == 1);
  CHECK(draw.logprob == 0.0f);
}

}  // namespace gradus
