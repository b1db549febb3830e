#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>

namespace gradus {

// What one token adds to a loss that depends on the model by the token's log-probability alone.
struct TokenTerm {
  double loss = 0;
  double weight = 0;  // -d loss / d log-probability: what its cross-entropy weighs in the gradient.
};

// Σ term(i, log softmax(hidden · headᵀ)[targets[i]]) over the rows of hidden [rows, size], a scalar
// in float32 at least. Logits exist for a few hundred rows at a time; the gradient is computed
// along with the loss. targets: int64 [rows], on the device of `hidden`; `term` is called once a
// row, in order.
at::Tensor SumOverTokens(const at::Tensor& hidden, const at::Tensor& head,
                         const at::Tensor& targets,
                         const std::function<TokenTerm(std::int64_t row, double log_prob)>& term);

}  // namespace gradus
