#include "schemas/base/settings.h"
#include "trainer/data/packs.h"
#include "trainer/data/rows.h"
#include "trainer/losses.h"
#include "trainer/train.h"
#include "trainer/training_loop.h"

namespace gradus {
namespace {

std::string Recipe(const TrainOptions& options) {
  TrainOptions copy = options;
  SettingsPrinter printer(SettingsPrinter::Comments::kWithout);
  Bind(printer.root(), copy);
  return "train policy\n" + printer.Text();
}

// Supervised tokens of a whole step.
double TargetsOf(const StepPlan& step, const std::vector<SftRow>& data) {
  std::uint64_t targets = 0;
  for (const auto& rows : step.leaves) {
    for (std::uint32_t row : rows) targets += CountTargets(data[row]);
  }
  return double(targets);
}

}  // namespace

TrainReport TrainPolicy(const TrainOrder& order, const TrainOptions& options,
                        const CurriculumStage& stage, Collectives& group,
                        const TrainCallbacks& callbacks) {
  FlatModel model(LoadModel(order.model), options.precision, group.device());
  const auto data = LoadSftRows(order.data, model.model().config, options.max_tokens);
  RequireRows(data.rows.size(), data.dropped, order.data);
  if (group.rank() == 0) TellDropped(data.dropped, model.model().config, options.max_tokens);
  StepPlanner plan(ShapesOf(data.rows), options, stage, MixSeed(order.seed, "policy batches"));

  Objective objective;
  objective.tokens = [&](std::uint32_t row) { return data.rows[row].tokens.size(); };
  objective.backward = [&](const StepPlan& step, int leaf, const auto& last_pass) {
    const double targets = TargetsOf(step, data.rows);
    const auto packs = PackRows(data.rows, step.leaves[std::size_t(leaf)], PackCapacity(options));
    LeafResult result;
    RunPacks(packs, options, last_pass, [&](const Pack& pack) {
      SftRows rows;
      for (std::uint32_t row : pack.rows) rows.push_back(&data.rows[row]);
      const PackLoss loss = SupervisedLoss(model.model(), rows, targets, options.recompute);
      loss.value.backward();
      result.loss += loss.value.item<double>();
      result.flops += loss.flops;
    });
    return result;
  };

  const TrainingRun run{order, options, stage, group, callbacks, Recipe(options)};
  TrainReport report = RunTraining(run, plan, model, objective);
  report.dropped_rows = data.dropped;
  PublishModel(run, model);
  return report;
}

}  // namespace gradus
