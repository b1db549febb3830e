#include <ATen/core/grad_mode.h>

#include <limits>

#include "schemas/base/settings.h"
#include "trainer/losses.h"
#include "trainer/rows.h"
#include "trainer/train.h"
#include "trainer/training_loop.h"

namespace gradus {
namespace {

using Pairs = std::vector<PreferencePair>;

std::string Recipe(const PpmTrainOptions& options) {
  PpmTrainOptions copy = options;
  SettingsPrinter printer(SettingsPrinter::Comments::kWithout);
  Bind(printer.root(), copy);
  return "train ppm\n" + printer.Text();
}

std::vector<const PreferencePair*> Pick(const Pairs& pairs,
                                        const std::vector<std::uint32_t>& rows) {
  std::vector<const PreferencePair*> picked;
  for (std::uint32_t row : rows) picked.push_back(&pairs[row]);
  return picked;
}

// Share of pairs whose chosen side scores higher, ties counting half. Batches are dealt out to the
// ranks; each is the same whoever computes it.
double PairAccuracy(const Model& model, const Pairs& pairs, std::uint32_t batch,
                    Collectives& group) {
  if (pairs.empty()) return std::numeric_limits<double>::quiet_NaN();
  const at::NoGradGuard no_grad;
  double right = 0;
  const auto ranks = std::uint32_t(group.size());
  for (std::uint32_t first = std::uint32_t(group.rank()) * batch; first < pairs.size();
       first += ranks * batch) {
    std::vector<std::uint32_t> rows;
    for (std::uint32_t row = first; row < pairs.size() && row < first + batch; ++row)
      rows.push_back(row);
    const at::Tensor scores = PairScores(model, Pick(pairs, rows), true).contiguous();
    const float* values = scores.const_data_ptr<float>();
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const float chosen = values[i], rejected = values[rows.size() + i];
      right += chosen > rejected ? 1 : chosen == rejected ? 0.5 : 0;
    }
  }
  return SumOverRanks(group, right) / double(pairs.size());  // Halves: exact in any order.
}

}  // namespace

TrainReport TrainPpm(const TrainOrder& order, const PpmTrainOptions& options, Collectives& group,
                     const TrainCallbacks& callbacks) {
  Model start = LoadModel(order.model);
  AddValueHead(start, MixSeed(order.seed, "value head"));
  const TrainOptions& train = options.train;
  FlatModel model(std::move(start), train.precision, group.device());
  const auto data = LoadPairs(order.data, model.model().config, train.max_tokens);
  RequireRows(data.rows.size(), data.dropped, order.data);
  FittingRows<PreferencePair> held_out;
  if (!order.held_out.empty())
    held_out = LoadPairs({order.held_out}, model.model().config, train.max_tokens);
  std::vector<RowShape> shapes;
  for (const PreferencePair& pair : data.rows) shapes.push_back(ShapeOf(pair));
  const CurriculumStage stage;
  StepPlanner plan(std::move(shapes), train, stage, MixSeed(order.seed, "ppm batches"));

  Objective objective;
  objective.tokens = [&](std::uint32_t row) {
    const PreferencePair& pair = data.rows[row];
    return 2 * pair.prefix.size() + pair.chosen.size() + pair.rejected.size();
  };
  objective.backward = [&](const StepPlan& step, int leaf) {
    const double pairs = options.normalisation == PpmNormalisation::kMean ? train.batch : 1;
    const at::Tensor loss =
        PreferenceLoss(model.model(), Pick(data.rows, step.leaves[std::size_t(leaf)]),
                       options.tanh_in_loss, pairs);
    loss.backward();
    return loss.item<double>();
  };

  const auto accuracy = [&] { return PairAccuracy(model.model(), held_out.rows, 32, group); };
  const Evaluation evaluation{accuracy, held_out.rows.empty() ? 0 : options.eval_steps,
                              options.keep};
  const TrainingRun run{order, train, stage, group, callbacks, Recipe(options), evaluation};
  TrainReport report = RunTraining(run, plan, model, objective);
  report.dropped_rows = data.dropped + held_out.dropped;
  report.held_out_pairs = held_out.rows.size();
  report.pair_accuracy = accuracy();
  PublishModel(run, model);
  return report;
}

}  // namespace gradus
