#include "schemas/base/settings.h"
#include "trainer/data/rows.h"
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
  const Objective& objective = FindObjective(options.objective);
  FlatModel model(LoadModel(order.model), options.precision, group.device());
  const ModelConfig& config = model.model().config;
  const auto data = LoadRecords(objective.records, order.data, config, options.max_tokens);
  RequireRows(data.records.size(), data.dropped, order.data);
  if (group.rank() == 0) TellDropped(data.dropped, config, options.max_tokens);
  StepPlanner plan(ShapesOf(data.records), options, stage, MixSeed(order.seed, "policy batches"));
  const TrainingTask task{.order = order,
                          .options = options,
                          .stage = stage,
                          .group = group,
                          .callbacks = callbacks,
                          .recipe = Recipe(options),
                          .objective = objective,
                          .records = data.records,
                          .loss = {.recompute = options.recompute}};
  TrainReport report = StepToTheEnd(task, plan, model);
  report.dropped_rows = data.dropped;
  PublishModel(task, model);
  return report;
}

}  // namespace gradus
