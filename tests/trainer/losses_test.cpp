#include "trainer/losses.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/tensor.h>
#include <doctest/doctest.h>

#include <cmath>
#include <functional>

#include "schemas/base/file.h"
#include "tests/fakes/training_data.h"

namespace gradus {
namespace {

const char* const kFamilies[] = {"tiny_qwen2", "tiny_qwen3", "tiny_llama3", "tiny_mistral",
                                 "tiny_phi3"};

// A tiny model in double, so that finite differences are sharp.
Model DoubleModel(bool value_head, const char* family = "tiny_qwen2") {
  Model model = LoadModel(fs::path(GRADUS_SOURCE_DIR) / "tests/workers/models/golden" / family);
  if (value_head) {
    AddValueHead(model, 4);
    model.value_weight.mul_(20);  // Scores far apart.
  }
  for (const auto& [name, tensor] : NamedParameters(model)) {
    tensor.set_data(tensor.to(at::kDouble));
    tensor.requires_grad_(true);
  }
  return model;
}

// Two pairs of one prefix and a common side, one of another, one without a prefix, one whose
// rejected side is the prefix itself; Q values and weights of all sorts.
std::vector<PreferencePair> MixedPairs() {
  auto pairs = RandomPairs(5, 5);
  pairs[1].prefix = pairs[0].prefix;
  pairs[1].chosen = pairs[0].chosen;
  pairs[3].prefix.clear();
  pairs[4].rejected.clear();
  double q = -0.7;
  for (PreferencePair& pair : pairs) {
    pair.q_rejected = q += 0.2;
    pair.q_chosen = pair.q_rejected + 0.4;
    pair.n_pos = 1 + pair.prefix.size() % 3;
    pair.n_neg = 2;
  }
  pairs[2].final_step = true;
  return pairs;
}

template <class Row>
std::vector<const Row*> Pointers(const std::vector<Row>& rows) {
  std::vector<const Row*> pointers;
  for (const Row& row : rows) pointers.push_back(&row);
  return pointers;
}

struct Variant {
  PpmObjective objective;
  bool tanh;
};
constexpr Variant kVariants[] = {{PpmObjective::kBradleyTerry, true},
                                 {PpmObjective::kBradleyTerry, false},
                                 {PpmObjective::kPqm, true},
                                 {PpmObjective::kPqm, false},
                                 {PpmObjective::kOrm, false}};

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
  int compared = 0;
  Random random(9);
  for (const auto& [name, tensor] : NamedParameters(model)) {
    if (!tensor.grad().defined()) continue;
    const at::NoGradGuard no_grad;
    const at::Tensor gradient = tensor.grad().contiguous();
    const double scale = gradient.abs().max().item<double>() + 1e-6;
    double* values = tensor.mutable_data_ptr<double>();
    for (int sample = 0; sample < 6; ++sample) {
      const auto i = std::size_t(random.Below(std::uint64_t(tensor.numel())));
      const double kept = values[i], step = 1e-5;
      values[i] = kept + step;
      const double above = loss().item<double>();
      values[i] = kept - step;
      const double below = loss().item<double>();
      values[i] = kept;
      const double expected = (above - below) / (2 * step);
      const double found = gradient.const_data_ptr<double>()[i];
      REQUIRE(std::isfinite(expected - found));
      worst = std::max(worst, std::abs(expected - found) / scale);
      ++compared;
    }
  }
  REQUIRE(compared > 60);
  return worst;
}

TEST_CASE("The supervised loss has the gradient of its finite differences in every family") {
  for (const char* family : kFamilies) {
    CAPTURE(std::string(family));
    const Model model = DoubleModel(false, family);
    const auto rows = SomeRows();
    const auto loss = [&] { return SupervisedLoss(model, Pointers(rows), 7).value; };
    CHECK(WorstDeviation(model, loss) < 1e-5);
  }
}

TEST_CASE("Every objective on pairs has the gradient of its finite differences in every family") {
  const auto pairs = MixedPairs();
  for (const char* family : kFamilies) {
    for (const Variant& variant : kVariants) {
      for (double count : {1.0, 3.5}) {
        CAPTURE(std::string(family));
        CAPTURE(int(variant.objective));
        const Model model = DoubleModel(true, family);
        const auto loss = [&] {
          return PreferenceLoss(model, Pointers(pairs), variant.objective, variant.tanh, count)
              .value;
        };
        CHECK(WorstDeviation(model, loss) < 1e-5);
      }
    }
  }
}

TEST_CASE("Pairs in one pack are worth what they are worth one by one, under every objective") {
  const auto pairs = MixedPairs();
  const Model model = DoubleModel(true);
  const auto gradient = [&](const std::vector<Pairs>& packs, const Variant& variant) {
    for (const auto& [name, tensor] : NamedParameters(model)) tensor.mutable_grad().reset();
    double sum = 0;
    for (const Pairs& pack : packs) {
      const at::Tensor loss = PreferenceLoss(model, pack, variant.objective, variant.tanh, 2).value;
      loss.backward();
      sum += loss.item<double>();
    }
    return std::pair(sum, model.layers[0].q.grad().clone());
  };
  for (const Variant& variant : kVariants) {
    const Pairs all = Pointers(pairs);
    std::vector<Pairs> single;
    for (const PreferencePair* pair : all) single.push_back({pair});
    const auto [together, of_together] = gradient({all}, variant);
    const auto [apart, of_apart] = gradient(single, variant);
    CHECK(together == doctest::Approx(apart).epsilon(1e-10));
    CHECK(of_together.sub(of_apart).abs().max().item<double>() < 1e-10);
  }
}

TEST_CASE("Recomputing gives every objective the same bits in float32") {
  Model model = DoubleModel(true);
  for (const auto& [name, tensor] : NamedParameters(model)) tensor.set_data(tensor.to(at::kFloat));
  const auto pairs = MixedPairs();
  const auto rows = SomeRows();
  const auto run = [&](bool recompute) {
    std::vector<at::Tensor> bits;
    for (const auto& [name, tensor] : NamedParameters(model)) tensor.mutable_grad().reset();
    bits.push_back(SupervisedLoss(model, Pointers(rows), 7, recompute).value);
    bits.push_back(
        PreferenceLoss(model, Pointers(pairs), PpmObjective::kBradleyTerry, true, 2, recompute)
            .value);
    for (const at::Tensor& loss : {bits[0], bits[1]}) loss.backward();
    for (const auto& [name, tensor] : NamedParameters(model)) bits.push_back(tensor.grad());
    return bits;
  };
  const auto plain = run(false), again = run(true);
  for (std::size_t i = 0; i < plain.size(); ++i) CHECK(plain[i].equal(again[i]));
}

TEST_CASE(
    "The supervised loss is the mean negative log-probability of the masked tokens, packed or "
    "not") {
  const Model model = DoubleModel(false);
  const at::NoGradGuard no_grad;
  const auto rows = SomeRows();
  double expected = 0;
  std::uint64_t targets = 0;
  for (const SftRow& row : rows) {
    targets += CountTargets(row);
    PackedTokens alone;
    alone.Add(row.tokens);
    const at::Tensor logits = Logits(model, ForwardHidden(model, alone));
    const at::Tensor log_probs = at::log_softmax(logits, -1);
    for (std::size_t i = 1; i < row.tokens.size(); ++i) {
      if (row.mask[i]) expected -= log_probs[std::int64_t(i) - 1][row.tokens[i]].item<double>();
    }
  }
  const double together =
      SupervisedLoss(model, {&rows[0], &rows[1], &rows[2]}, double(targets)).value.item<double>();
  CHECK(together == doctest::Approx(expected / double(targets)).epsilon(1e-9));
  double apart = 0;
  for (const SftRow& row : rows)
    apart += SupervisedLoss(model, {&row}, double(targets)).value.item<double>();
  CHECK(together == doctest::Approx(apart).epsilon(1e-9));
}

TEST_CASE("The objectives on pairs follow their formulas and their weights") {
  const Model model = DoubleModel(true);
  const at::NoGradGuard no_grad;
  const auto pairs = MixedPairs();
  const at::Tensor raw = PairScores(model, Pointers(pairs));
  for (const Variant& variant : kVariants) {
    double expected = 0, count = 0;
    for (std::size_t p = 0; p < pairs.size(); ++p) {
      const PreferencePair& pair = pairs[p];
      const auto score = [&](std::size_t row) {
        const double value = raw[std::int64_t(row)].item<double>();
        return variant.tanh ? std::tanh(value) : value;
      };
      const double chosen = score(p), rejected = score(p + pairs.size());
      const double of_chosen = 1.0 / pair.n_neg, of_rejected = 1.0 / pair.n_pos;
      if (variant.objective == PpmObjective::kBradleyTerry) {
        expected += std::log1p(std::exp(rejected - chosen)) * of_chosen * of_rejected;
      } else if (variant.objective == PpmObjective::kPqm) {
        const double q = pair.final_step ? 1 : pair.q_chosen;
        const double low = pair.final_step ? -1 : pair.q_rejected;
        expected += of_chosen * std::pow(chosen - q, 2) + of_rejected * std::pow(rejected - low, 2);
      } else {
        expected += of_chosen * std::log1p(std::exp(-chosen)) +
                    of_rejected * std::log1p(std::exp(rejected));
      }
      count += PairCount(variant.objective, pair);
    }
    CHECK(PreferenceLoss(model, Pointers(pairs), variant.objective, variant.tanh, 3)
              .value.item<double>() == doctest::Approx(expected / 3));
    CHECK(count > 0);
    if (variant.objective == PpmObjective::kBradleyTerry) CHECK(count == double(pairs.size()));
  }
}

TEST_CASE("A pair is right when its chosen side scores higher, and half right in a tie") {
  const at::Tensor scores = at::tensor({3.0, 1.0, 2.0, 2.0, 5.0, 2.0});
  CHECK(PairsRight(scores) == 1.5);
  const Model model = DoubleModel(true);
  const auto pairs = MixedPairs();
  const PackLoss loss = PreferenceLoss(model, Pointers(pairs), PpmObjective::kOrm, false, 1);
  CHECK(loss.scores.equal(PairScores(model, Pointers(pairs))));
}

TEST_CASE("A first token never counts as a target") {
  SftRow row;
  row.tokens = {5, 6, 7};
  row.mask = {1, 0, 1};
  CHECK(CountTargets(row) == 1);
}

}  // namespace
}  // namespace gradus
