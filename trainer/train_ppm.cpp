#include <ATen/core/grad_mode.h>

#include <limits>

#include "schemas/base/error.h"
#include "schemas/base/settings.h"
#include "trainer/data/packs.h"
#include "trainer/data/rows.h"
#include "trainer/losses.h"
#include "trainer/train.h"
#include "trainer/training_loop.h"

namespace gradus {
namespace {

using PairRows = std::vector<PreferencePair>;

std::string Recipe(const PpmTrainOptions& options) {
  PpmTrainOptions copy = options;
  SettingsPrinter printer(SettingsPrinter::Comments::kWithout);
  Bind(printer.root(), copy);
  return "train ppm\n" + printer.Text();
}

Pairs Pick(const PairRows& pairs, const std::vector<std::uint32_t>& rows) {
  Pairs picked;
  for (std::uint32_t row : rows) picked.push_back(&pairs[row]);
  return picked;
}

// Share of pairs in the right order. Packs are dealt out to the ranks; each is the same whoever
// computes it.
double PairAccuracy(const Model& model, const PairRows& pairs, const TrainOptions& options,
                    Collectives& group) {
  if (pairs.empty()) return std::numeric_limits<double>::quiet_NaN();
  const at::NoGradGuard no_grad;
  std::vector<std::uint32_t> all(pairs.size());
  for (std::uint32_t row = 0; row < pairs.size(); ++row) all[row] = row;
  std::vector<Pack> mine;
  const auto packs = PackPairs(pairs, all, model.config.rope, PackCapacity(options));
  for (auto at = std::size_t(group.rank()); at < packs.size(); at += std::size_t(group.size()))
    mine.push_back(packs[at]);
  double right = 0;
  RunPacks(mine, options, {}, [&](const Pack& pack) {
    right += PairsRight(PairScores(model, Pick(pairs, pack.rows)));
  });
  return SumOverRanks(group, right) / double(pairs.size());  // Halves: exact in any order.
}

// An outcome model learns from whole trajectories alone.
void KeepTrajectories(PairRows& pairs, const std::vector<std::filesystem::path>& files) {
  const std::size_t all = pairs.size();
  std::erase_if(pairs, [](const PreferencePair& pair) { return !pair.final_step; });
  if (!pairs.empty()) return;
  Fail(
      "objective orm wants pairs of whole trajectories (final_step), and none of the {} pairs of "
      "{} is one: set selection.final_answer_pairs, or use another objective",
      all, files[0].string());
}

// What the terms of a step are divided by.
double StepCount(const StepPlan& step, const PairRows& pairs, const PpmTrainOptions& options) {
  if (options.normalisation == PpmNormalisation::kSum) return 1;
  double count = 0;
  for (const auto& rows : step.leaves) {
    for (std::uint32_t row : rows) count += PairCount(options.objective, pairs[row]);
  }
  return count;
}

}  // namespace

TrainReport TrainPpm(const TrainOrder& order, const PpmTrainOptions& options, Collectives& group,
                     const TrainCallbacks& callbacks) {
  CheckOptions(options);
  Model start = LoadModel(order.model);
  AddValueHead(start, MixSeed(order.seed, "value head"));
  const TrainOptions& train = options.train;
  FlatModel model(std::move(start), train.precision, group.device());
  const ModelConfig& config = model.model().config;
  auto data = LoadPairs(order.data, config, train.max_tokens);
  RequireRows(data.rows.size(), data.dropped, order.data);
  if (options.objective == PpmObjective::kOrm) KeepTrajectories(data.rows, order.data);
  FittingRows<PreferencePair> held_out;
  if (!order.held_out.empty()) held_out = LoadPairs({order.held_out}, config, train.max_tokens);
  if (group.rank() == 0) TellDropped(data.dropped + held_out.dropped, config, train.max_tokens);
  const CurriculumStage stage;
  StepPlanner plan(ShapesOf(data.rows), train, stage, MixSeed(order.seed, "ppm batches"));

  Objective objective;
  objective.tokens = [&](std::uint32_t row) {
    const PreferencePair& pair = data.rows[row];
    return 2 * pair.prefix.size() + pair.chosen.size() + pair.rejected.size();
  };
  objective.backward = [&](const StepPlan& step, int leaf, const auto& last_pass) {
    const double count = StepCount(step, data.rows, options);
    const auto packs =
        PackPairs(data.rows, step.leaves[std::size_t(leaf)], config.rope, PackCapacity(train));
    LeafResult result;
    RunPacks(packs, train, last_pass, [&](const Pack& pack) {
      const PackLoss loss =
          PreferenceLoss(model.model(), Pick(data.rows, pack.rows), options.objective,
                         options.tanh_in_loss, count, train.recompute);
      loss.value.backward();
      result.loss += loss.value.item<double>();
      result.flops += loss.flops;
      result.right += PairsRight(loss.scores);
      result.pairs += double(pack.rows.size());
    });
    return result;
  };

  const auto accuracy = [&] { return PairAccuracy(model.model(), held_out.rows, train, group); };
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
