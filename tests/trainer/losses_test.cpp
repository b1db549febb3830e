#include "trainer/losses.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/tensor.h>
#include <doctest/doctest.h>

#include <cmath>
#include <functional>

#include "schemas/base/file.h"
#include "tests/fakes/training_data.h"
#include "trainer/data/packs.h"
#include "trainer/objectives.h"

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

std::vector<Record> AsRecords(const char* objective, const std::vector<PreferencePair>& pairs) {
  const auto record_of =
      std::get<Record (*)(const PreferencePair&)>(FindObjective(objective).records);
  std::vector<Record> records;
  for (const PreferencePair& pair : pairs) records.push_back(record_of(pair));
  return records;
}

std::vector<Record> AsRecords(const std::vector<SftRow>& rows) {
  std::vector<Record> records;
  for (const SftRow& row : rows) records.push_back(SupervisedRecord(row));
  return records;
}

struct Variant {
  const char* objective;
  bool tanh;
};
constexpr Variant kVariants[] = {{"bradley_terry", true},
                                 {"bradley_terry", false},
                                 {"pqm", true},
                                 {"pqm", false},
                                 {"orm", false}};

// What the objective's kernel makes of the records as one pack.
PackLoss LossOf(const char* objective, const Model& model, const std::vector<Record>& records,
                double divisor, const LossOptions& options = {}) {
  Pack all;
  for (std::uint32_t row = 0; row < records.size(); ++row) all.rows.push_back(row);
  return FindObjective(objective).kernel(model, Arrange(records, all, model.config.rope), options,
                                         divisor);
}

// The divisor of a step of one leaf with all records.
double MeanOver(const char* objective, const std::vector<Record>& records) {
  StepPlan step{{{}}};
  for (std::uint32_t row = 0; row < records.size(); ++row) step.leaves[0].push_back(row);
  return CountOf(FindObjective(objective).divisor, records, step);
}

std::vector<SftRow> SomeRows() {
  std::vector<SftRow> rows;
  for (int length : {3, 9, 6}) rows.push_back(RandomSftRow(length, Seed(length)));
  return rows;
}

// Log-probabilities of the targets of the only text of a record.
std::vector<double> LogProbs(const Model& model, const Record& record) {
  const at::NoGradGuard no_grad;
  std::vector<std::int32_t> whole = record.prefix;
  whole.insert(whole.end(), record.texts[0].tokens.begin(), record.texts[0].tokens.end());
  PackedTokens alone;
  alone.Add(whole);
  const at::Tensor all = at::log_softmax(Logits(model, ForwardHidden(model, alone)), -1);
  std::vector<double> values;
  for (std::int32_t target : record.texts[0].targets)
    values.push_back(all[target - 1][whole[std::size_t(target)]].item<double>());
  return values;
}

// Two responses to one prompt and one to another, with advantages of both signs. The old
// log-probabilities are off those of `model` by up to 0.6, so that some ratios are clipped.
std::vector<Record> DrawnRecords(const Model& model) {
  std::vector<Record> records(3);
  Random random(12);
  const auto prompt = RandomTokens(5, random);
  for (Record& record : records) {
    record.prefix = &record == &records[2] ? RandomTokens(3, random) : prompt;
    TrainingText& text = record.texts.emplace_back();
    text.tokens = RandomTokens(6, random);
    for (std::int32_t i = 0; i < 6; ++i) {
      text.targets.push_back(std::int32_t(record.prefix.size()) + i);
      text.weights.push_back(0.5 + random.Uniform());
      text.advantages.push_back(2 * random.Uniform() - 1);
    }
    text.old_log_probs = LogProbs(model, record);
    for (double& old : text.old_log_probs) old += 1.2 * random.Uniform() - 0.6;
  }
  return records;
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
    auto records = AsRecords(SomeRows());
    for (const auto& weights : {std::vector<double>{}, {0.5, 2, 0, 1, 3}}) {
      records[1].texts[0].weights = weights;
      const Model model = DoubleModel(false, family);
      const auto loss = [&] { return LossOf("supervised", model, records, 7).value; };
      CHECK(WorstDeviation(model, loss) < 1e-5);
    }
  }
}

TEST_CASE("The clipped policy gradient has the gradient of its finite differences") {
  for (const char* family : kFamilies) {
    CAPTURE(std::string(family));
    const Model model = DoubleModel(false, family);
    const auto records = DrawnRecords(model);
    const auto loss = [&] { return LossOf("policy_gradient", model, records, 9).value; };
    CHECK(WorstDeviation(model, loss) < 1e-5);
  }
}

TEST_CASE("The clipped policy gradient follows its formula token by token") {
  const Model model = DoubleModel(false);
  const auto records = DrawnRecords(model);
  double expected = 0;
  int clipped = 0;
  for (const Record& record : records) {
    const TrainingText& text = record.texts[0];
    const std::vector<double> now = LogProbs(model, record);
    for (std::size_t i = 0; i < now.size(); ++i) {
      const double ratio = std::exp(now[i] - text.old_log_probs[i]), a = text.advantages[i];
      const double free = ratio * a, held = std::min(std::max(ratio, 0.7), 1.3) * a;
      clipped += held < free;
      expected -= text.weights[i] * std::min(free, held);
    }
  }
  CHECK(clipped > 0);
  CHECK(clipped < 18);
  const at::NoGradGuard no_grad;
  CHECK(LossOf("policy_gradient", model, records, 4, {.clip = 0.3}).value.item<double>() ==
        doctest::Approx(expected / 4));
}

TEST_CASE("A token that is likely enough already, or unlikely enough, is pulled no further") {
  const Model model = DoubleModel(false);
  auto records = DrawnRecords(model);
  const auto pull = [&](double ratio, double advantage) {
    for (Record& record : records) {
      TrainingText& text = record.texts[0];
      text.old_log_probs = LogProbs(model, record);
      for (double& old : text.old_log_probs) old -= std::log(ratio);
      text.advantages.assign(text.targets.size(), advantage);
    }
    model.lm_head.mutable_grad().reset();
    LossOf("policy_gradient", model, records, 1).value.backward();
    return model.lm_head.grad().abs().max().item<double>();
  };
  CHECK(pull(1.25, 1) == 0);
  CHECK(pull(0.75, -1) == 0);
  CHECK(pull(1.25, -1) > 0);
  CHECK(pull(0.75, 1) > 0);
}

TEST_CASE("Every objective on pairs has the gradient of its finite differences in every family") {
  const auto pairs = MixedPairs();
  for (const char* family : kFamilies) {
    for (const Variant& variant : kVariants) {
      for (double count : {1.0, 3.5}) {
        CAPTURE(std::string(family));
        CAPTURE(std::string(variant.objective));
        const Model model = DoubleModel(true, family);
        const auto records = AsRecords(variant.objective, pairs);
        const auto loss = [&] {
          return LossOf(variant.objective, model, records, count, {.tanh = variant.tanh}).value;
        };
        CHECK(WorstDeviation(model, loss) < 1e-5);
      }
    }
  }
}

TEST_CASE("Pairs in one pack are worth what they are worth one by one, under every objective") {
  const auto pairs = MixedPairs();
  const Model model = DoubleModel(true);
  const auto gradient = [&](const std::vector<std::vector<Record>>& packs, const Variant& variant) {
    for (const auto& [name, tensor] : NamedParameters(model)) tensor.mutable_grad().reset();
    double sum = 0;
    for (const auto& pack : packs) {
      const at::Tensor loss =
          LossOf(variant.objective, model, pack, 2, {.tanh = variant.tanh}).value;
      loss.backward();
      sum += loss.item<double>();
    }
    return std::pair(sum, model.layers[0].q.grad().clone());
  };
  for (const Variant& variant : kVariants) {
    const auto all = AsRecords(variant.objective, pairs);
    std::vector<std::vector<Record>> single;
    for (const Record& record : all) single.push_back({record});
    const auto [together, of_together] = gradient({all}, variant);
    const auto [apart, of_apart] = gradient(single, variant);
    CHECK(together == doctest::Approx(apart).epsilon(1e-10));
    CHECK(of_together.sub(of_apart).abs().max().item<double>() < 1e-10);
  }
}

TEST_CASE("Recomputing gives every objective the same bits in float32") {
  Model model = DoubleModel(true);
  for (const auto& [name, tensor] : NamedParameters(model)) tensor.set_data(tensor.to(at::kFloat));
  const auto pairs = AsRecords("bradley_terry", MixedPairs());
  const auto rows = AsRecords(SomeRows());
  const auto run = [&](bool recompute) {
    std::vector<at::Tensor> bits;
    for (const auto& [name, tensor] : NamedParameters(model)) tensor.mutable_grad().reset();
    bits.push_back(LossOf("supervised", model, rows, 7, {.recompute = recompute}).value);
    bits.push_back(LossOf("bradley_terry", model, pairs, 2, {.recompute = recompute}).value);
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
  const auto records = AsRecords(rows);
  double expected = 0;
  for (const Record& record : records) {
    for (double log_prob : LogProbs(model, record)) expected -= log_prob;
  }
  const double targets = MeanOver("supervised", records);
  const double together = LossOf("supervised", model, records, targets).value.item<double>();
  CHECK(together == doctest::Approx(expected / targets).epsilon(1e-9));
  double apart = 0;
  for (const Record& record : records)
    apart += LossOf("supervised", model, {record}, targets).value.item<double>();
  CHECK(together == doctest::Approx(apart).epsilon(1e-9));
}

TEST_CASE("The objectives on pairs follow their formulas and their weights") {
  const Model model = DoubleModel(true);
  const at::NoGradGuard no_grad;
  const auto pairs = MixedPairs();
  const at::Tensor raw = LossOf("pqm", model, AsRecords("pqm", pairs), 1).scores;
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
      if (variant.objective == std::string("bradley_terry")) {
        expected += std::log1p(std::exp(rejected - chosen)) * of_chosen * of_rejected;
        count += 1;
      } else if (variant.objective == std::string("pqm")) {
        const double q = pair.final_step ? 1 : pair.q_chosen;
        const double low = pair.final_step ? -1 : pair.q_rejected;
        expected += of_chosen * std::pow(chosen - q, 2) + of_rejected * std::pow(rejected - low, 2);
        count += of_chosen + of_rejected;
      } else {
        expected += of_chosen * std::log1p(std::exp(-chosen)) +
                    of_rejected * std::log1p(std::exp(rejected));
        count += of_chosen + of_rejected;
      }
    }
    const auto records = AsRecords(variant.objective, pairs);
    CHECK(
        LossOf(variant.objective, model, records, 3, {.tanh = variant.tanh}).value.item<double>() ==
        doctest::Approx(expected / 3));
    CHECK(MeanOver(variant.objective, records) == doctest::Approx(count));
  }
}

TEST_CASE("A pair is right when its chosen side scores higher, and half right in a tie") {
  const at::Tensor scores = at::tensor({3.0, 1.0, 2.0, 2.0, 5.0, 2.0});
  CHECK(PairsRight(scores) == 1.5);
}

TEST_CASE("A first token never counts as a target") {
  SftRow row;
  row.tokens = {5, 6, 7};
  row.mask = {1, 0, 1};
  CHECK(SupervisedRecord(row).texts[0].targets == std::vector<std::int32_t>{2});
}

}  // namespace
}  // namespace gradus
