#pragma once
#include <functional>
#include <string>
#include <vector>

#include "trainer/collectives/collectives.h"
#include "trainer/data/step_plan.h"
#include "trainer/losses.h"
#include "trainer/model/flat_model.h"
#include "trainer/objectives.h"
#include "trainer/train.h"

namespace gradus {

// A measurement of the model during training; larger is better, NaN says nothing. `measure` is
// called on all ranks at the same step and returns the same number on each.
struct Evaluation {
  std::function<double()> measure;
  int every = 0;  // Steps; the last step is always measured. 0: never.
  Keep keep = Keep::kLast;
};

// What a training is about, on one rank.
struct TrainingTask {
  const TrainOrder& order;
  const TrainOptions& options;
  const CurriculumStage& stage;
  Collectives& group;
  const TrainCallbacks& callbacks;
  std::string recipe;  // Kind and all options as text: part of the order's digest.
  const Objective& objective;
  const std::vector<Record>& records;
  LossOptions loss;
  bool mean = true;  // The loss of a step is divided by the objective's count.
  Evaluation evaluation = {};
};

// Steps the model to the end of the plan, resuming from the newest step checkpoint of the same
// order. Every rank ends with the same weights. Throws Error(kStopped) after a checkpoint when any
// rank is asked to stop, and Error when max_skipped_steps in a row had no finite gradient.
TrainReport StepToTheEnd(const TrainingTask& task, StepPlanner& plan, FlatModel& model);

// Publishes the trained model (rank 0), then deletes the step checkpoints. Returns on every rank
// once it is there; the model is in fp32 and host memory afterwards.
void PublishModel(const TrainingTask& task, FlatModel& model);

}  // namespace gradus
