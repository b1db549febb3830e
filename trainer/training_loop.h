#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "trainer/flat_model.h"
#include "trainer/step_plan.h"
#include "trainer/train.h"

namespace gradus {

// What is minimised. `backward` adds the gradient of one leaf's share of the step's loss to the
// model's gradient buffer and returns that share; `tokens` counts the real tokens of a row.
struct Objective {
  std::function<double(const StepPlan& step, int leaf)> backward;
  std::function<std::uint64_t(std::uint32_t row)> tokens;
};

// One training run on one rank.
struct TrainingRun {
  const TrainOrder& order;
  const TrainOptions& options;
  const CurriculumStage& stage;
  Collectives& group;
  const TrainCallbacks& callbacks;
  std::string recipe;  // Kind and all options as text: part of the order's digest.
};

// Steps the model to the end of the plan, resuming from the newest step checkpoint of the same
// order. Every rank ends with the same weights. Throws Error(kStopped) after a checkpoint when any
// rank is asked to stop.
TrainReport RunTraining(const TrainingRun& run, StepPlanner& plan, FlatModel& model,
                        const Objective& objective);

// Publishes the trained model (rank 0), then deletes the step checkpoints. Returns on every rank
// once it is there.
void PublishModel(const TrainingRun& run, const FlatModel& model);

}  // namespace gradus
