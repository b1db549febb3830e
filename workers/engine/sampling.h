#pragma once
#include <cstdint>
#include <utility>
#include <vector>

#include "schemas/base/seed.h"
#include "workers/engine/engine.h"

namespace gradus {

struct TokenDraw {
  TokenId id = 0;
  float logprob = 0;  // Natural log, of the distribution at temperature 1.
};

// Draws tokens from rows of logits. Keeps scratch memory; one per thread.
class TokenSampler {
 public:
  explicit TokenSampler(int vocabulary);
  // The token is a function of the logits, the options and `seed` alone.
  TokenDraw Draw(const float* logits, const SamplingOptions& options, Seed seed);
  double LogProb(const float* logits, TokenId id);
  // The `count` largest logits, largest first, smaller id first on ties.
  std::vector<std::pair<TokenId, float>> Top(const float* logits, int count);

 private:
  TokenId DrawAll(double total, double uniform) const;
  TokenId DrawFiltered(const float* logits, const SamplingOptions& options, double uniform);
  TokenId Greedy(const float* logits, float best) const;

  int vocabulary_;
  std::vector<float> weights_;
  std::vector<std::pair<float, TokenId>> order_;
};

}  // namespace gradus
