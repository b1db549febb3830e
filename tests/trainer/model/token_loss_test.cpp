#include "trainer/model/token_loss.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <doctest/doctest.h>

#include "tests/fakes/deviation.h"

namespace gradus {

TEST_CASE("the loss in chunks is the cross-entropy, with its gradients, in float32 and float64") {
  for (const auto& [type, limit] : {std::pair{at::kDouble, 1e-10}, {at::kFloat, 1e-5}}) {
    // More rows than a chunk holds, and a vocabulary that fills no vector.
    const at::Tensor hidden = at::arange(600 * 8, type).mul(0.37).sin().view({600, 8}).mul(3);
    const at::Tensor head = at::arange(53 * 8, type).mul(0.61).cos().view({53, 8}).contiguous();
    const at::Tensor targets = at::arange(600, at::kLong).mul(7).remainder(53);
    const auto quarter = [](std::int64_t, double log_prob) {
      return TokenTerm{-0.25 * log_prob, 0.25};
    };
    const auto run = [&](bool chunked) {
      const at::Tensor h = hidden.clone().requires_grad_(true);
      const at::Tensor w = head.clone().requires_grad_(true);
      const at::Tensor loss =
          chunked ? SumOverTokens(h, w, targets, quarter)
                  : at::cross_entropy_loss(at::linear(h, w), targets, {}, at::Reduction::Sum) / 4;
      loss.mul(3).backward();
      return std::vector<at::Tensor>{loss.detach(), h.grad(), w.grad()};
    };
    CHECK(Deviation(run(true), run(false)) < limit);
    const at::Tensor expected = run(false)[0];
    const at::NoGradGuard no_grad;
    CHECK(Deviation(SumOverTokens(hidden, head, targets, quarter), expected) < limit);
  }
}

}  // namespace gradus
