#include "trainer/losses.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/tensor.h>
#include <doctest/doctest.h>

#include <cmath>
#include <functional>

#include "tests/fakes/temp_folder.h"
#include "tests/fakes/training_data.h"

namespace gradus {
namespace {

// A tiny model in double, so that finite differences are sharp.
Model DoubleModel(bool value_head) {
  TempFolder folder;
  MakeTinyModel(folder.path() / "model");
  Model model = LoadModel(folder.path() / "model");
  if (value_head) AddValueHead(model, 4);
  for (const auto& [name, tensor] : NamedParameters(model)) {
    tensor.set_data(tensor.to(at::kDouble));
    tensor.requires_grad_(true);
  }
  return model;
}

std::vector<SftRow> SomeRows() {
  std::vector<SftRow> rows;
  for (int length : {3, 9, 6}) rows.push_back(RandomSftRow(length, Seed(length)));
  return rows;
}

// Largest deviation between autograd and central differences over a sample of every parameter's
// values, relative to the parameter's largest gradient.
double WorstDeviation(const Model& model, const std::function<at::Tensor()>& loss) {
  loss().backward();
  double worst = 0;
  Random random(9);
  for (const auto& [name, tensor] : NamedParameters(model)) {
    if (!tensor.grad().defined()) continue;
    const at::Tensor gradient = tensor.grad().contiguous();
    const double scale = gradient.abs().max().item<double>() + 1e-6;
    double* values = tensor.mutable_data_ptr<double>();
    for (int sample = 0; sample < 6; ++sample) {
      const auto i = std::size_t(random.Below(std::uint64_t(tensor.numel())));
      const double kept = values[i], step = 1e-5;
      const at::NoGradGuard no_grad;
      values[i] = kept + step;
      const double above = loss().item<double>();
      values[i] = kept - step;
      const double below = loss().item<double>();
      values[i] = kept;
      const double expected = (above - below) / (2 * step);
      worst = std::max(worst, std::abs(expected - gradient.const_data_ptr<double>()[i]) / scale);
    }
  }
  return worst;
}

TEST_CASE("The supervised loss has the gradient of its finite differences") {
  const Model model = DoubleModel(false);
  const auto rows = SomeRows();
  const auto loss = [&] { return SupervisedLoss(model, {&rows[0], &rows[1], &rows[2]}, 7); };
  CHECK(WorstDeviation(model, loss) < 1e-5);
}

TEST_CASE("The preference loss has the gradient of its finite differences, with tanh and without") {
  for (bool tanh : {true, false}) {
    const Model model = DoubleModel(true);
    const auto pairs = RandomPairs(3, 5);
    const auto loss = [&] {
      return PreferenceLoss(model, {&pairs[0], &pairs[1], &pairs[2]}, tanh, 3);
    };
    CHECK(WorstDeviation(model, loss) < 1e-5);
  }
}

TEST_CASE(
    "The supervised loss is the mean negative log-probability of the masked tokens, padding or "
    "not") {
  const Model model = DoubleModel(false);
  const at::NoGradGuard no_grad;
  const auto rows = SomeRows();
  double expected = 0;
  std::uint64_t targets = 0;
  for (const SftRow& row : rows) {
    targets += CountTargets(row);
    at::Tensor tokens =
        at::tensor(std::vector<std::int64_t>(row.tokens.begin(), row.tokens.end())).unsqueeze(0);
    const at::Tensor lengths =
        at::tensor(std::vector<std::int64_t>{std::int64_t(row.tokens.size())});
    const at::Tensor logits = Logits(model, ForwardHidden(model, tokens, lengths).squeeze(0));
    const at::Tensor log_probs = at::log_softmax(logits, -1);
    for (std::size_t i = 1; i < row.tokens.size(); ++i) {
      if (row.mask[i]) expected -= log_probs[std::int64_t(i) - 1][row.tokens[i]].item<double>();
    }
  }
  const double together =
      SupervisedLoss(model, {&rows[0], &rows[1], &rows[2]}, double(targets)).item<double>();
  CHECK(together == doctest::Approx(expected / double(targets)).epsilon(1e-9));
  double apart = 0;
  for (const SftRow& row : rows)
    apart += SupervisedLoss(model, {&row}, double(targets)).item<double>();
  CHECK(together == doctest::Approx(apart).epsilon(1e-9));
}

TEST_CASE("The preference loss follows its formula and its weights") {
  const Model model = DoubleModel(true);
  const at::NoGradGuard no_grad;
  auto pairs = RandomPairs(2, 5);
  pairs[1].n_pos = 2;
  pairs[1].n_neg = 4;
  for (bool tanh : {true, false}) {
    const at::Tensor scores = PairScores(model, {&pairs[0], &pairs[1]}, tanh);
    double expected = 0;
    for (int p : {0, 1}) {
      const double margin = scores[p].item<double>() - scores[p + 2].item<double>();
      expected += std::log1p(std::exp(-margin)) * (p == 0 ? 1.0 : 1.0 / 8) / 2;
    }
    CHECK(PreferenceLoss(model, {&pairs[0], &pairs[1]}, tanh, 2).item<double>() ==
          doctest::Approx(expected));
  }
}

TEST_CASE("A first token never counts as a target") {
  SftRow row;
  row.tokens = {5, 6, 7};
  row.mask = {1, 0, 1};
  CHECK(CountTargets(row) == 1);
}

}  // namespace
}  // namespace gradus
