#include "trainer/losses.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/softplus.h>
#include <ATen/ops/tanh.h>

#include <algorithm>

#include "trainer/cost/training_flops.h"
#include "trainer/data/pair_layout.h"

namespace gradus {
namespace {

template <class T>
at::Tensor ToTensor(const std::vector<T>& values, at::ScalarType type, const at::Tensor& like) {
  at::Tensor tensor = at::empty({std::int64_t(values.size())}, type);
  std::copy(values.begin(), values.end(), tensor.mutable_data_ptr<T>());
  return tensor.to(like.device());
}

at::Tensor Rows(const at::Tensor& hidden, const std::vector<std::int64_t>& rows) {
  return hidden.index_select(0, ToTensor(rows, at::kLong, hidden));
}

// One number per side, the chosen ones first, in the type of the scores.
template <class Chosen, class Rejected>
at::Tensor BySide(const Pairs& pairs, const at::Tensor& like, Chosen chosen, Rejected rejected) {
  std::vector<double> values;
  for (const PreferencePair* pair : pairs) values.push_back(chosen(*pair));
  for (const PreferencePair* pair : pairs) values.push_back(rejected(*pair));
  return ToTensor(values, at::kDouble, like).to(like.scalar_type());
}

// How often a step is meant to count, spread over the pairs it stands in.
at::Tensor SideWeights(const Pairs& pairs, const at::Tensor& like) {
  return BySide(
      pairs, like, [](const PreferencePair& pair) { return 1.0 / pair.n_neg; },
      [](const PreferencePair& pair) { return 1.0 / pair.n_pos; });
}

at::Tensor BradleyTerry(const Pairs& pairs, const at::Tensor& scores) {
  const auto count = std::int64_t(pairs.size());
  const auto weight = [](const PreferencePair& pair) {
    return 1.0 / (double(pair.n_pos) * double(pair.n_neg));
  };
  const at::Tensor weights = BySide(pairs, scores, weight, weight).narrow(0, 0, count);
  const at::Tensor margin = scores.narrow(0, 0, count).sub(scores.narrow(0, count, count));
  return at::softplus(margin.neg()).mul(weights).sum();
}

at::Tensor Regression(const Pairs& pairs, const at::Tensor& scores) {
  const at::Tensor q = BySide(
      pairs, scores,
      [](const PreferencePair& pair) { return pair.final_step ? 1.0 : pair.q_chosen; },
      [](const PreferencePair& pair) { return pair.final_step ? -1.0 : pair.q_rejected; });
  const at::Tensor error = scores.sub(q);
  return error.mul(error).mul(SideWeights(pairs, scores)).sum();
}

at::Tensor Outcome(const Pairs& pairs, const at::Tensor& scores) {
  const auto count = std::int64_t(pairs.size());
  const at::Tensor against =
      at::cat({scores.narrow(0, 0, count).neg(), scores.narrow(0, count, count)});
  return at::softplus(against).mul(SideWeights(pairs, scores)).sum();
}

PairLayout LayOut(const Model& model, const Pairs& pairs) {
  PairLayout layout(model.config.rope);
  for (const PreferencePair* pair : pairs) layout.Add(*pair);
  return layout;
}

at::Tensor Scores(const Model& model, const PairLayout& layout, bool recompute) {
  std::vector<std::int64_t> last = layout.chosen();
  last.insert(last.end(), layout.rejected().begin(), layout.rejected().end());
  return RawValues(model, Rows(ForwardHidden(model, layout.tokens(), recompute), last));
}

}  // namespace

std::uint64_t CountTargets(const SftRow& row) {
  std::uint64_t count = 0;
  for (std::size_t i = 1; i < row.mask.size(); ++i) count += row.mask[i] != 0;
  return count;
}

PackLoss SupervisedLoss(const Model& model, const SftRows& rows, double targets, bool recompute) {
  PackedTokens pack;
  std::vector<std::int64_t> positions, expected;
  for (const SftRow* row : rows) {
    const std::int64_t first = pack.size();
    pack.Add(row->tokens);
    for (std::size_t i = 1; i < row->tokens.size(); ++i) {
      if (row->mask[i] == 0) continue;
      positions.push_back(first + std::int64_t(i) - 1);
      expected.push_back(row->tokens[i]);
    }
  }
  const at::Tensor hidden = Rows(ForwardHidden(model, pack, recompute), positions);
  const auto scored = std::int64_t(positions.size());
  return {TokenLoss(model, hidden, ToTensor(expected, at::kLong, hidden), 1 / targets),
          TrainingFlops(model.config, pack, scored, model.config.vocab_size),
          {}};
}

at::Tensor PairScores(const Model& model, const Pairs& pairs, bool recompute) {
  return Scores(model, LayOut(model, pairs), recompute);
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

double PairCount(PpmObjective objective, const PreferencePair& pair) {
  return objective == PpmObjective::kBradleyTerry ? 1 : 1.0 / pair.n_neg + 1.0 / pair.n_pos;
}

PackLoss PreferenceLoss(const Model& model, const Pairs& pairs, PpmObjective objective, bool tanh,
                        double count, bool recompute) {
  const PairLayout layout = LayOut(model, pairs);
  const at::Tensor raw = Scores(model, layout, recompute);
  const auto sum = [&] {
    if (objective == PpmObjective::kOrm) return Outcome(pairs, raw);
    const at::Tensor scores = tanh ? at::tanh(raw) : raw;
    return objective == PpmObjective::kPqm ? Regression(pairs, scores)
                                           : BradleyTerry(pairs, scores);
  };
  return {sum().div(count), TrainingFlops(model.config, layout.tokens(), raw.numel(), 1),
          raw.detach()};
}

}  // namespace gradus
