#include "trainer/training_loop.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "schemas/base/log.h"
#include "trainer/checkpoint/step_checkpoint.h"
#include "trainer/checkpoint/step_saver.h"
#include "trainer/cost/compute_bound.h"
#include "trainer/cost/trainer_memory.h"
#include "trainer/gradient_sum.h"
#include "trainer/optimizer/optimizer_shard.h"
#include "trainer/step_report.h"
#include "workers/models/hf_folder.h"

namespace gradus {
namespace {

std::string OrderDigest(const TrainingRun& run) {
  std::string text = fmt::format("{}seed {}\nmodel {}\n", run.recipe, run.order.seed,
                                 ModelDigest(run.order.model));
  const CurriculumStage& stage = run.stage;
  text += fmt::format("stage {} {} {}\n", stage.steps, stage.max_level, stage.constant_steps);
  for (const auto& file : run.order.data) text += "data " + Sha256File(file) + "\n";
  // Which weights are the best depends on what they are measured on.
  if (run.evaluation.every > 0) text += "held out " + Sha256File(run.order.held_out) + "\n";
  return Sha256(text);
}

// Buckets small enough to leave while backward works, and large enough not to count as messages.
std::size_t BucketSize(std::size_t parameters) {
  constexpr std::size_t kLargest = std::size_t{1} << 20;  // 4 MiB.
  constexpr std::size_t kBuckets = 16;
  return std::min(kLargest, parameters / kBuckets + 1);
}

std::uint64_t CountTokens(const StepPlan& step, const Objective& objective) {
  std::uint64_t tokens = 0;
  for (const auto& leaf : step.leaves) {
    for (std::uint32_t row : leaf) tokens += objective.tokens(row);
  }
  return tokens;
}

// Gives the time since the last call to one stretch of a step.
class Laps {
 public:
  void End(double& stretch) {
    const double now = MonotonicSeconds();
    stretch += now - last_;
    last_ = now;
  }

 private:
  double last_ = MonotonicSeconds();
};

class Trainer {
 public:
  Trainer(const TrainingRun& run, StepPlanner& plan, FlatModel& model, const Objective& objective)
      : run_(run),
        group_(run.group),
        plan_(plan),
        model_(model),
        objective_(objective),
        layout_(LayOut(model.parameters(), run.options.micro_batches, group_.size(),
                       BucketSize(model.parameters()))),
        own_(LeavesOf(group_.rank(), group_.size(), layout_.leaves)),
        optimizer_(model, layout_.shards[std::size_t(group_.rank())]),
        sum_(group_, model, layout_),
        saver_(group_,
               StepCheckpoints(run.order.checkpoints,
                               Broadcast(group_, group_.rank() == 0 ? OrderDigest(run) : "", 0)),
               layout_),
        bound_(SumOverRanks(group_, ComputeBound(group_.device(), run.options.precision))) {}

  TrainReport Run() {
    if (auto state = saver_.Load(optimizer_, best_)) {
      state_ = std::move(*state);
      group_.AllGather(layout_, model_.values());
    }
    const int first = state_.step;
    laps_ = {};
    while (state_.step < plan_.steps()) {
      Step();
      if (state_.step == first + 1 && group_.rank() == 0) LogMemory();
    }
    saver_.Finish();
    Conclude();
    return state_.report;
  }

 private:
  void Step() {
    seconds_ = {};
    const StepPlan step = plan_.At(state_.step);
    const double lr = LearningRate(run_.options.optimizer, run_.stage, state_.step, plan_.steps());
    const std::uint64_t tokens = CountTokens(step, objective_);
    laps_.End(seconds_.rest);
    const StepOutcome outcome = SumGradient(step);
    const bool updated = Update(outcome, lr);
    if (state_.step == 0) state_.report.first_loss = outcome.loss;
    state_.report.last_loss = outcome.loss;
    state_.report.tokens += tokens;
    ++state_.step;
    const bool last = state_.step == plan_.steps();
    const double held_out = Evaluate(last);
    const bool stop = outcome.stop && !last;
    const int every = run_.options.checkpoint_steps;
    if (stop || (every > 0 && state_.step % every == 0 && !last))
      saver_.Save(state_, optimizer_, best_);
    laps_.End(seconds_.rest);
    if (run_.callbacks.progress) {
      run_.callbacks.progress({.step = state_.step,
                               .steps = plan_.steps(),
                               .loss = outcome.loss,
                               .lr = lr,
                               .grad_norm = outcome.norm,
                               .tokens = state_.report.tokens,
                               .skipped_steps = state_.report.skipped_steps,
                               .step_tokens = tokens,
                               .seconds = seconds_,
                               .slowest_compute = outcome.slowest_compute,
                               .flops = outcome.flops,
                               .bound = bound_,
                               .pair_accuracy = outcome.right / outcome.pairs,
                               .held_out_accuracy = held_out});
    }
    if (stop) Stop();
    if (!updated) Alarm(outcome);
  }

  // Forward and backward of this rank's leaves, then the sum over all ranks'.
  StepOutcome SumGradient(const StepPlan& step) {
    StepReport mine;
    mine.stop = run_.callbacks.stop && run_.callbacks.stop();
    std::vector<double> losses;
    for (int leaf = own_.first; leaf < own_.last; ++leaf) {
      LeafResult result;
      sum_.AddLeaf(leaf, [&](const std::function<void()>& last_pass) {
        const bool empty = step.leaves[std::size_t(leaf)].empty();
        if (empty) return last_pass();
        result = objective_.backward(step, leaf, last_pass);
      });
      losses.push_back(result.loss);
      mine.flops += result.flops;
      mine.right += result.right;
      mine.pairs += result.pairs;
    }
    laps_.End(seconds_.compute);
    mine.compute_s = seconds_.compute;
    gradient_ = sum_.Finish();
    laps_.End(seconds_.wait);
    mine.losses = SubtreeSums(losses, own_, layout_.leaves);
    mine.squares = SubtreeSums(optimizer_.Squares(gradient_), OwnBlocks(), Blocks());
    mine.saver = saver_.Report();
    laps_.End(seconds_.update);
    std::vector<StepReport> reports;
    std::vector<std::string> saver;
    for (const std::string& bytes : group_.Exchange(mine.ToBytes())) {
      reports.push_back(StepReport::FromBytes(bytes));
      saver.push_back(std::move(reports.back().saver));
    }
    saver_.OnReports(saver);
    laps_.End(seconds_.wait);
    return Agree(std::move(reports), layout_.leaves, Blocks());
  }

  int Blocks() const { return int((layout_.parameters + kBlock - 1) / kBlock); }
  LeafRange OwnBlocks() const { return LeavesOf(group_.rank(), group_.size(), Blocks()); }

  // Clips and applies one update; a step that is not finite is skipped and counted.
  bool Update(const StepOutcome& outcome, double lr) {
    if (!std::isfinite(outcome.norm) || !std::isfinite(outcome.loss)) {
      ++state_.report.skipped_steps;
      ++state_.skipped_in_row;
      return false;
    }
    state_.skipped_in_row = 0;
    const OptimizerOptions& options = run_.options.optimizer;
    const bool clip = options.clip > 0 && outcome.norm > options.clip;
    const std::uint64_t update = std::uint64_t(state_.step) + 1 - state_.report.skipped_steps;
    optimizer_.Update(gradient_, options, lr, clip ? options.clip / outcome.norm : 1.0, update);
    laps_.End(seconds_.update);
    group_.AllGather(layout_, model_.values());
    laps_.End(seconds_.gather);
    return true;
  }

  void Alarm(const StepOutcome& outcome) {
    const std::string what =
        fmt::format("step {} of {}: loss {} and gradient norm {}: {} steps in a row were skipped",
                    state_.step, plan_.steps(), outcome.loss, outcome.norm, state_.skipped_in_row);
    if (state_.skipped_in_row > run_.options.max_skipped_steps)
      Fail("{}: lower optimizer.lr, or look at the data; max_skipped_steps is {}", what,
           run_.options.max_skipped_steps);
    if (state_.skipped_in_row > 1 && run_.callbacks.alarm) run_.callbacks.alarm(what);
  }

  // What was measured after this step, or kNotMeasured.
  double Evaluate(bool last) {
    const Evaluation& evaluation = run_.evaluation;
    if (evaluation.every == 0 || (state_.step % evaluation.every != 0 && !last))
      return kNotMeasured;
    const double value = evaluation.measure();
    if (group_.rank() == 0) Log("step {}: held-out {:.4f}", state_.step, value);
    const bool better = state_.best_step == 0 || value > state_.best_value;
    if (evaluation.keep == Keep::kBest && !std::isnan(value) && better) {
      state_.best_step = state_.step;
      state_.best_value = value;
      best_ = optimizer_.masters().clone();
    }
    return value;
  }

  [[noreturn]] void Stop() {
    saver_.Finish();
    Barrier(group_);
    throw Error(fmt::format("training stopped after step {} of {}, state saved", state_.step,
                            plan_.steps()),
                ExitCode::kStopped);
  }

  // The weights to publish become the model's; of a bf16 model the fp32 masters are gathered too.
  void Conclude() {
    state_.report.steps = state_.report.published_step = state_.step;
    if (state_.best_step > 0 && state_.best_step < state_.step) {
      optimizer_.masters().copy_(best_);
      optimizer_.CopyToModel();
      group_.AllGather(layout_, model_.values());
      state_.report.published_step = state_.best_step;
    }
    if (run_.options.precision != Precision::kBf16) return;
    const ParameterRange shard = optimizer_.range();
    model_.gradient()
        .narrow(0, std::int64_t(shard.first), std::int64_t(shard.size()))
        .copy_(optimizer_.masters());
    group_.AllGather(layout_, model_.gradient());
  }

  void LogMemory() const {
    const MemoryPlan plan{.parameters = layout_.parameters,
                          .precision = run_.options.precision,
                          .shard = layout_.shards[0].size(),
                          .leaves = layout_.leaves,
                          .own = own_,
                          .best = run_.evaluation.keep == Keep::kBest};
    Log("memory of rank 0 of {}: {}; resident {:.1f} MB", group_.size(), Describe(plan),
        ResidentBytes() / 1e6);
  }

  const TrainingRun& run_;
  Collectives& group_;
  StepPlanner& plan_;
  FlatModel& model_;
  const Objective& objective_;
  const GradientLayout layout_;
  const LeafRange own_;
  OptimizerShard optimizer_;
  GradientSum sum_;
  StepSaver saver_;
  const double bound_;  // Of all ranks: see ComputeBound.
  TrainerState state_;
  Laps laps_;
  StepSeconds seconds_;  // Of the current step.
  at::Tensor gradient_;  // [own shard], of the current step.
  at::Tensor best_;      // [own shard]: master weights of the best evaluation.
};

}  // namespace

TrainReport RunTraining(const TrainingRun& run, StepPlanner& plan, FlatModel& model,
                        const Objective& objective) {
  return Trainer(run, plan, model, objective).Run();
}

void PublishModel(const TrainingRun& run, FlatModel& model) {
  model.Settle(run.options.precision == Precision::kBf16);
  if (run.group.rank() == 0) {
    SaveModel(model.model(), run.order.output, run.order.model);
    StepCheckpoints(run.order.checkpoints, {}).Clear();
  }
  Barrier(run.group);
}

}  // namespace gradus
