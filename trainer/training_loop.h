#pragma once
#include <cstdint>
#include <functional>
#include <string>

#include "trainer/collectives/collectives.h"
#include "trainer/data/step_plan.h"
#include "trainer/model/flat_model.h"
#include "trainer/train.h"

namespace gradus {

// One leaf's share of a step.
struct LeafResult {
  double loss = 0;
  double flops = 0;             // See TrainingFlops.
  double right = 0, pairs = 0;  // See PairsRight; 0 without pairs.
};

// What is minimised. `backward` adds the gradient of one leaf's share of the step's loss to the
// model's gradient buffer by autograd, in one or several passes, and calls `last_pass` before the
// last of them; `tokens` counts the real tokens of a row.
struct Objective {
  std::function<LeafResult(const StepPlan& step, int leaf, const std::function<void()>& last_pass)>
      backward;
  std::function<std::uint64_t(std::uint32_t row)> tokens;
};

// A measurement of the model during training; larger is better, NaN says nothing. `measure` is
// called on all ranks at the same step and returns the same number on each.
struct Evaluation {
  std::function<double()> measure;
  int every = 0;  // Steps; the last step is always measured. 0: never.
  Keep keep = Keep::kLast;
};

// One training run on one rank.
struct TrainingRun {
  const TrainOrder& order;
  const TrainOptions& options;
  const CurriculumStage& stage;
  Collectives& group;
  const TrainCallbacks& callbacks;
  std::string recipe;  // Kind and all options as text: part of the order's digest.
  Evaluation evaluation = {};
};

// Steps the model to the end of the plan, resuming from the newest step checkpoint of the same
// order. Every rank ends with the same weights. Throws Error(kStopped) after a checkpoint when any
// rank is asked to stop, and Error when max_skipped_steps in a row had no finite gradient.
TrainReport RunTraining(const TrainingRun& run, StepPlanner& plan, FlatModel& model,
                        const Objective& objective);

// Publishes the trained model (rank 0), then deletes the step checkpoints. Returns on every rank
// once it is there; the model is in fp32 and host memory afterwards.
void PublishModel(const TrainingRun& run, FlatModel& model);

}  // namespace gradus
