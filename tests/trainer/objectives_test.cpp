#include "trainer/objectives.h"

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "schemas/base/error.h"
#include "tests/fakes/temp_folder.h"
#include "tests/fakes/thread_group.h"
#include "tests/fakes/training_data.h"
#include "trainer/data/rows.h"
#include "trainer/training_loop.h"

namespace gradus {
namespace {

// Records of an objective whose targets and weights are spread unevenly over them.
std::vector<Record> RecordsOf(const Objective& objective) {
  std::vector<Record> records;
  if (const auto* of_row = std::get_if<Record (*)(const SftRow&)>(&objective.records)) {
    for (const SftRow& row : RandomSftRows(13, 3)) records.push_back((*of_row)(row));
  } else if (const auto* of_pair =
                 std::get_if<Record (*)(const PreferencePair&)>(&objective.records)) {
    for (PreferencePair& pair : RandomPairs(13, 3)) {
      pair.n_pos = 1 + records.size() % 4;
      pair.n_neg = 1 + records.size() % 3;
      pair.q_chosen = 0.5;
      records.push_back((*of_pair)(pair));
    }
  } else {
    Random random(8);
    for (int i = 0; i < 13; ++i) {
      Record& record = records.emplace_back();
      record.prefix = RandomTokens(4, random);
      TrainingText& text = record.texts.emplace_back();
      text.tokens = RandomTokens(1 + i % 5, random);
      for (int at = 0; at <= i % 5; ++at) {
        text.targets.push_back(4 + at);
        text.advantages.push_back(i % 2 == 0 ? 1.0 : -1.0);
        text.old_log_probs.push_back(-std::log(257.0));  // Of a random model, about.
      }
    }
  }
  return records;
}

struct Shape {
  int leaves, ranks, pack_tokens;
};

// Trains on all records in each of the steps.
TrainReport Train(const Objective& objective, const std::vector<Record>& records, int steps,
                  const Shape& shape) {
  const TempFolder folder;
  MakeTinyModel(folder.path() / "model");
  TrainOrder order;
  order.model = folder.path() / "model";
  order.output = folder.path() / "trained";
  order.checkpoints = folder.path() / "steps";
  TrainOptions options;
  options.optimizer.lr = 3e-3;
  options.steps = steps;
  options.batch = int(records.size());
  options.micro_batches = shape.leaves;
  options.pack_tokens = shape.pack_tokens;
  options.checkpoint_steps = 0;
  TrainReport report;
  RunAsGroup(shape.ranks, [&](Collectives& group) {
    Model start = LoadModel(order.model);
    AddValueHead(start, 1);
    FlatModel model(std::move(start));
    const CurriculumStage stage;
    const TrainCallbacks callbacks;
    StepPlanner plan(ShapesOf(records), options, stage, 1);
    const TrainingTask task{.order = order,
                            .options = options,
                            .stage = stage,
                            .group = group,
                            .callbacks = callbacks,
                            .recipe = "test",
                            .objective = objective,
                            .records = records,
                            .loss = {}};
    const TrainReport own = StepToTheEnd(task, plan, model);
    if (group.rank() == 0) report = own;
    PublishModel(task, model);
  });
  return report;
}

std::vector<std::string> AllNames() {
  std::vector<std::string> names;
  for (const TrainingRows rows :
       {TrainingRows::kUnstored, TrainingRows::kSupervised, TrainingRows::kPairs}) {
    for (const std::string& name : ObjectivesOn(rows)) names.push_back(name);
  }
  return names;
}

TEST_CASE("A step's loss is the same mean however its batch is cut, under every objective") {
  for (const std::string& name : AllNames()) {
    CAPTURE(name);
    const Objective& objective = FindObjective(name);
    const auto records = RecordsOf(objective);
    const double whole = Train(objective, records, 2, {1, 1, 0}).last_loss;
    for (const Shape& shape : {Shape{4, 1, 0}, {4, 3, 0}, {1, 1, 20}, {16, 2, 1}}) {
      CAPTURE(shape.leaves);
      CAPTURE(shape.pack_tokens);
      CHECK(Train(objective, records, 2, shape).last_loss == doctest::Approx(whole).epsilon(2e-5));
    }
  }
}

TEST_CASE("Drawn texts with advantages and old log-probabilities are trained on from records") {
  const Objective& objective = FindObjective("policy_gradient");
  const TrainReport report = Train(objective, RecordsOf(objective), 20, {2, 1, 0});
  CHECK(report.last_loss < report.first_loss - 0.05);
}

TEST_CASE("What a step is divided by counts all its leaves: records, targets or weights") {
  std::vector<Record> records(3);
  for (Record& record : records) record.texts.resize(1);
  records[0].texts[0].targets = {1, 2, 3};
  records[0].texts[0].weights = {0.5, 1, 1};
  records[1].texts[0].targets = {1};
  records[2].texts[0].targets = {1, 2};
  const StepPlan step{{{0}, {}, {1, 1}, {2}}};
  CHECK(CountOf(Divisor::kRecords, records, step) == 4);
  CHECK(CountOf(Divisor::kTargets, records, step) == 7);
  CHECK(CountOf(Divisor::kWeights, records, step) == 6.5);
}

TEST_CASE("An unknown objective is refused with the names that are known") {
  CHECK_THROWS_WITH_AS(FindObjective("dpo"), doctest::Contains("bradley_terry, pqm, orm"), Error);
}

TEST_CASE("Objectives are offered by the rows they learn from") {
  CHECK(ObjectivesOn(TrainingRows::kSupervised) == std::vector<std::string>{"supervised"});
  CHECK(ObjectivesOn(TrainingRows::kPairs) ==
        std::vector<std::string>{"bradley_terry", "pqm", "orm"});
}

}  // namespace
}  // namespace gradus
