#include "schemas/base/settings.h"
#include "trainer/losses.h"
#include "trainer/rows.h"
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

}  // namespace

TrainReport TrainPolicy(const TrainOrder& order, const TrainOptions& options,
                        const CurriculumStage& stage, Collectives& group,
                        const TrainCallbacks& callbacks) {
  FlatModel model(LoadModel(order.model), options.precision, group.device());
  const auto data = LoadSftRows(order.data, model.model().config, options.max_tokens);
  RequireRows(data.rows.size(), data.dropped, order.data);
  std::vector<RowShape> shapes;
  for (const SftRow& row : data.rows) shapes.push_back(ShapeOf(row));
  StepPlanner plan(std::move(shapes), options, stage, MixSeed(order.seed, "policy batches"));

  Objective objective;
  objective.tokens = [&](std::uint32_t row) { return data.rows[row].tokens.size(); };
  objective.backward = [&](const StepPlan& step, int leaf) {
    std::uint64_t targets = 0;
    for (const auto& rows : step.leaves) {
      for (std::uint32_t row : rows) targets += CountTargets(data.rows[row]);
    }
    std::vector<const SftRow*> rows;
    for (std::uint32_t row : step.leaves[std::size_t(leaf)]) rows.push_back(&data.rows[row]);
    const at::Tensor loss = SupervisedLoss(model.model(), rows, double(targets));
    loss.backward();
    return loss.item<double>();
  };

  const TrainingRun run{order, options, stage, group, callbacks, Recipe(options)};
  TrainReport report = RunTraining(run, plan, model, objective);
  report.dropped_rows = data.dropped;
  PublishModel(run, model);
  return report;
}

}  // namespace gradus
