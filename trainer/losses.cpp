#include "trainer/losses.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/softplus.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>

#include "schemas/base/error.h"
#include "trainer/cost/training_flops.h"
#include "trainer/model/token_loss.h"

namespace gradus {
namespace {

at::Tensor OnDevice(const std::vector<std::int64_t>& values, const at::Tensor& like) {
  return at::tensor(values, at::kLong).to(like.device());
}

at::Tensor LikeScores(const std::vector<double>& values, const at::Tensor& scores) {
  return at::tensor(values, at::kDouble).to(scores.device(), scores.scalar_type());
}

at::Tensor Scores(const Model& model, const RecordLayout& pack, const PackTargets& targets,
                  bool recompute) {
  const at::Tensor hidden = ForwardHidden(model, pack.tokens(), recompute);
  return RawValues(model, hidden.index_select(0, OnDevice(targets.rows, hidden)));
}

// What a loss of the targets' log-probabilities adds up to.
template <class Term>
PackLoss OverTokens(const Model& model, const RecordLayout& pack, const PackTargets& targets,
                    bool recompute, const Term& term) {
  const at::Tensor hidden = ForwardHidden(model, pack.tokens(), recompute);
  const at::Tensor before = hidden.index_select(0, OnDevice(targets.before, hidden));
  return {SumOverTokens(before, model.lm_head, OnDevice(targets.tokens, hidden), term),
          TrainingFlops(model.config, pack.tokens(), before.size(0), model.config.vocab_size),
          {}};
}

}  // namespace

PackLoss TokenCrossEntropy(const Model& model, const RecordLayout& pack, const LossOptions& options,
                           double divisor) {
  const PackTargets targets = pack.Targets();
  return OverTokens(model, pack, targets, options.recompute, [&](std::int64_t i, double log_prob) {
    const double weight = targets.weights[std::size_t(i)] / divisor;
    return TokenTerm{weight * -log_prob, weight};
  });
}

PackLoss ClippedPolicyGradient(const Model& model, const RecordLayout& pack,
                               const LossOptions& options, double divisor) {
  const PackTargets targets = pack.Targets();
  const std::size_t count = targets.tokens.size();
  Require(targets.advantages.size() == count && targets.old_log_probs.size() == count,
          "a policy gradient wants an advantage and an old log-probability of every target");
  return OverTokens(model, pack, targets, options.recompute, [&](std::int64_t at, double log_prob) {
    const auto i = std::size_t(at);
    const double weight = targets.weights[i] / divisor, advantage = targets.advantages[i];
    const double ratio = std::exp(log_prob - targets.old_log_probs[i]);
    const double clamped = std::clamp(ratio, 1 - options.clip, 1 + options.clip);
    const double free = ratio * advantage, held = clamped * advantage;
    // Where the clamped term is the smaller one it is a constant.
    return TokenTerm{-weight * std::min(free, held), free <= held ? weight * free : 0.0};
  });
}

at::Tensor PairScores(const Model& model, const RecordLayout& pack, bool recompute) {
  return Scores(model, pack, pack.Targets(), recompute);
}

double PairsRight(const at::Tensor& scores) {
  const at::Tensor host = scores.detach().to(at::kCPU, at::kDouble).contiguous();
  const double* values = host.const_data_ptr<double>();
  const std::int64_t pairs = host.numel() / 2;
  double right = 0;
  for (std::int64_t pair = 0; pair < pairs; ++pair) {
    const double chosen = values[pair], rejected = values[pairs + pair];
    right += chosen > rejected ? 1 : chosen == rejected ? 0.5 : 0;
  }
  return right;
}

at::Tensor BradleyTerryTerms(const PairSides& sides) {
  const std::int64_t pairs = sides.scores.numel() / 2;
  const at::Tensor margin =
      sides.scores.narrow(0, 0, pairs).sub(sides.scores.narrow(0, pairs, pairs));
  return at::softplus(margin.neg()).mul(sides.weights.narrow(0, 0, pairs)).sum();
}

at::Tensor RegressionTerms(const PairSides& sides) {
  const at::Tensor error = sides.scores.sub(sides.goals);
  return error.mul(error).mul(sides.weights).sum();
}

at::Tensor OutcomeTerms(const PairSides& sides) {
  const std::int64_t pairs = sides.raw.numel() / 2;
  const at::Tensor against =
      at::cat({sides.raw.narrow(0, 0, pairs).neg(), sides.raw.narrow(0, pairs, pairs)});
  return at::softplus(against).mul(sides.weights).sum();
}

PackLoss PairLoss(PairTerms terms, const Model& model, const RecordLayout& pack,
                  const LossOptions& options, double divisor) {
  const PackTargets targets = pack.Targets();
  const at::Tensor raw = Scores(model, pack, targets, options.recompute);
  const PairSides sides{raw, options.tanh ? at::tanh(raw) : raw, LikeScores(targets.weights, raw),
                        LikeScores(targets.goals, raw)};
  return {terms(sides).div(divisor), TrainingFlops(model.config, pack.tokens(), raw.numel(), 1),
          raw.detach()};
}

}  // namespace gradus
