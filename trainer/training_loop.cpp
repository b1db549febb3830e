#include "trainer/training_loop.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

#include "schemas/base/bytes.h"
#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "schemas/base/log.h"
#include "trainer/step_checkpoint.h"
#include "workers/policy/hf_folder.h"

namespace gradus {
namespace {

// Behind the gradient, every leaf buffer carries the leaf's share of the loss and its rank's wish
// to stop.
constexpr std::size_t kTrailer = 2;

std::string OrderDigest(const TrainingRun& run) {
  std::string text = fmt::format("{}seed {}\nmodel {}\n", run.recipe, run.order.seed,
                                 ModelDigest(run.order.model));
  const CurriculumStage& stage = run.stage;
  text += fmt::format("stage {} {} {}\n", stage.steps, stage.max_level, stage.constant_steps);
  for (const auto& file : run.order.data) text += "data " + Sha256File(file) + "\n";
  return Sha256(text);
}

struct Start {
  StepCheckpoints checkpoints;
  TrainerState state;
};

// Rank 0 finds where to go on; the others load the same checkpoint.
Start AgreeOnStart(const TrainingRun& run, FlatModel& model) {
  std::vector<char> bytes;
  std::optional<TrainerState> found;
  if (run.group.rank() == 0) {
    const std::string digest = OrderDigest(run);
    found = StepCheckpoints(run.order.checkpoints, digest).LoadNewest();
    const std::string message = ByteWriter().PutString(digest).Put(found ? found->step : 0).Take();
    bytes.assign(message.begin(), message.end());
  }
  run.group.Broadcast(bytes, 0);
  ByteReader reader({bytes.data(), bytes.size()});
  const std::string digest = reader.GetString();
  const int step = reader.Get<int>();

  Start start{StepCheckpoints(run.order.checkpoints, digest), {}};
  const std::span<float> values = model.values();
  if (step > 0) {
    start.state = found ? std::move(*found) : start.checkpoints.Load(step);
    if (start.state.values.size() != values.size())
      Fail("step checkpoint {} does not fit the model", step);
    std::copy(start.state.values.begin(), start.state.values.end(), values.begin());
    if (run.group.rank() == 0) Log("training resumes after step {}", step);
  } else {
    start.state.moments.first.assign(values.size(), 0);
    start.state.moments.second.assign(values.size(), 0);
  }
  return start;
}

void ComputeLeaves(const TrainingRun& run, const StepPlan& step, FlatModel& model,
                   const Objective& objective, std::vector<std::vector<float>>& leaves) {
  const LeafRange mine = LeavesOf(run.group.rank(), run.group.size(), run.options.micro_batches);
  const std::span<float> gradient = model.gradient();
  const bool stop = run.callbacks.stop && run.callbacks.stop();
  leaves.resize(std::size_t(mine.last - mine.first));
  for (int leaf = mine.first; leaf < mine.last; ++leaf) {
    std::fill(gradient.begin(), gradient.end(), 0.0f);
    const bool empty = step.leaves[std::size_t(leaf)].empty();
    const double loss = empty ? 0 : objective.backward(step, leaf);
    std::vector<float>& buffer = leaves[std::size_t(leaf - mine.first)];
    buffer.resize(gradient.size() + kTrailer);
    std::copy(gradient.begin(), gradient.end(), buffer.begin());
    buffer[gradient.size()] = float(loss);
    buffer[gradient.size() + 1] = stop ? 1 : 0;
  }
}

std::uint64_t CountTokens(const StepPlan& step, const Objective& objective) {
  std::uint64_t tokens = 0;
  for (const auto& leaf : step.leaves) {
    for (std::uint32_t row : leaf) tokens += objective.tokens(row);
  }
  return tokens;
}

// Clips and applies one update; a gradient that is not finite is skipped and counted. Returns the
// norm before clipping.
double Update(const TrainingRun& run, std::span<const float> gradient, double lr, FlatModel& model,
              TrainerState& state) {
  const double norm = GradientNorm(gradient);
  if (!std::isfinite(norm)) {
    ++state.report.skipped_steps;
    return norm;
  }
  const OptimizerOptions& optimizer = run.options.optimizer;
  const double scale = optimizer.clip > 0 && norm > optimizer.clip ? optimizer.clip / norm : 1.0;
  const std::uint64_t update = std::uint64_t(state.step) + 1 - state.report.skipped_steps;
  ApplyAdamW(model.values(), gradient, state.moments, model.matrices(), optimizer, lr, scale,
             update);
  return norm;
}

void SaveCheckpoint(const TrainingRun& run, FlatModel& model, Start& start) {
  if (run.group.rank() != 0) return;
  const std::span<float> values = model.values();
  start.state.values.assign(values.begin(), values.end());
  start.checkpoints.Save(start.state);
}

}  // namespace

TrainReport RunTraining(const TrainingRun& run, StepPlanner& plan, FlatModel& model,
                        const Objective& objective) {
  Start start = AgreeOnStart(run, model);
  TrainerState& state = start.state;
  std::vector<std::vector<float>> leaves;
  std::vector<float> sum;
  while (state.step < plan.steps()) {
    const StepPlan step = plan.At(state.step);
    ComputeLeaves(run, step, model, objective, leaves);
    run.group.TreeSum(leaves, run.options.micro_batches, sum);
    const std::size_t parameters = sum.size() - kTrailer;
    const double loss = sum[parameters], stop_votes = sum[parameters + 1];

    const double lr = LearningRate(run.options.optimizer, run.stage, state.step, plan.steps());
    const double norm = Update(run, {sum.data(), parameters}, lr, model, state);
    if (state.step == 0) state.report.first_loss = loss;
    state.report.last_loss = loss;
    state.report.tokens += CountTokens(step, objective);
    ++state.step;

    const bool last = state.step == plan.steps();
    const bool stop = stop_votes > 0 && !last;
    const int every = run.options.checkpoint_steps;
    if (stop || (every > 0 && state.step % every == 0 && !last)) SaveCheckpoint(run, model, start);
    if (run.callbacks.progress) {
      run.callbacks.progress({state.step, plan.steps(), loss, lr, norm, state.report.tokens});
    }
    if (stop) {
      run.group.Barrier();
      throw Error(fmt::format("training stopped after step {} of {}, state saved", state.step,
                              plan.steps()),
                  ExitCode::kStopped);
    }
  }
  state.report.steps = state.step;
  return state.report;
}

void PublishModel(const TrainingRun& run, const FlatModel& model) {
  if (run.group.rank() == 0) {
    SaveModel(model.model(), run.order.output, run.order.model);
    StepCheckpoints(run.order.checkpoints, {}).Clear();
  }
  run.group.Barrier();
}

}  // namespace gradus
