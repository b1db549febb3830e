#include <ATen/core/grad_mode.h>

#include <limits>
#include <numeric>

#include "schemas/base/error.h"
#include "schemas/base/settings.h"
#include "trainer/data/packs.h"
#include "trainer/data/rows.h"
#include "trainer/train.h"
#include "trainer/training_loop.h"

namespace gradus {
namespace {

std::string Recipe(const PpmTrainOptions& options) {
  PpmTrainOptions copy = options;
  SettingsPrinter printer(SettingsPrinter::Comments::kWithout);
  Bind(printer.root(), copy);
  return "train ppm\n" + printer.Text();
}

// Share of pairs in the right order. Packs are dealt out to the ranks; each is the same whoever
// computes it.
double PairAccuracy(const Model& model, const std::vector<Record>& pairs,
                    const TrainOptions& options, Collectives& group) {
  if (pairs.empty()) return std::numeric_limits<double>::quiet_NaN();
  const at::NoGradGuard no_grad;
  std::vector<std::uint32_t> all(pairs.size());
  std::iota(all.begin(), all.end(), 0u);
  std::vector<Pack> mine;
  const auto packs = PackRecords(pairs, all, model.config.rope, PackCapacity(options));
  for (auto at = std::size_t(group.rank()); at < packs.size(); at += std::size_t(group.size()))
    mine.push_back(packs[at]);
  double right = 0;
  RunPacks(mine, options, {}, [&](const Pack& pack) {
    right += PairsRight(PairScores(model, Arrange(pairs, pack, model.config.rope)));
  });
  return SumOverRanks(group, right) / double(pairs.size());  // Halves: exact in any order.
}

void KeepTrajectories(const char* objective, std::vector<Record>& pairs,
                      const std::vector<std::filesystem::path>& files) {
  const std::size_t all = pairs.size();
  std::erase_if(pairs, [](const Record& pair) { return !pair.whole; });
  if (!pairs.empty()) return;
  Fail(
      "objective {} wants pairs of whole trajectories (final_step), and none of the {} pairs of "
      "{} is one: set selection.final_answer_pairs, or use another objective",
      objective, all, files[0].string());
}

}  // namespace

TrainReport TrainPpm(const TrainOrder& order, const PpmTrainOptions& options, Collectives& group,
                     const TrainCallbacks& callbacks) {
  CheckOptions(options);
  const TrainOptions& train = options.train;
  const Objective& objective = FindObjective(train.objective);
  Model start = LoadModel(order.model);
  AddValueHead(start, MixSeed(order.seed, "value head"));
  FlatModel model(std::move(start), train.precision, group.device());
  const ModelConfig& config = model.model().config;
  auto data = LoadRecords(objective.records, order.data, config, train.max_tokens);
  RequireRows(data.records.size(), data.dropped, order.data);
  if (objective.whole_only) KeepTrajectories(objective.name, data.records, order.data);
  FittingRecords held_out;
  if (!order.held_out.empty())
    held_out = LoadRecords(objective.records, {order.held_out}, config, train.max_tokens);
  if (group.rank() == 0) TellDropped(data.dropped + held_out.dropped, config, train.max_tokens);
  const CurriculumStage stage;
  StepPlanner plan(ShapesOf(data.records), train, stage, MixSeed(order.seed, "ppm batches"));
  const auto accuracy = [&] { return PairAccuracy(model.model(), held_out.records, train, group); };
  const TrainingTask task{
      .order = order,
      .options = train,
      .stage = stage,
      .group = group,
      .callbacks = callbacks,
      .recipe = Recipe(options),
      .objective = objective,
      .records = data.records,
      .loss = {.tanh = options.tanh_in_loss, .recompute = train.recompute},
      .mean = options.normalisation == PpmNormalisation::kMean,
      .evaluation = {accuracy, held_out.records.empty() ? 0 : options.eval_steps, options.keep}};
  TrainReport report = StepToTheEnd(task, plan, model);
  report.dropped_rows = data.dropped + held_out.dropped;
  report.held_out_pairs = held_out.records.size();
  report.pair_accuracy = accuracy();
  PublishModel(task, model);
  return report;
}

}  // namespace gradus
