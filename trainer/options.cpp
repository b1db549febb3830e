#include "trainer/options.h"

#include <string>

#include "schemas/base/error.h"
#include "schemas/base/settings.h"

namespace gradus {
namespace {

constexpr double kBillion = 1e9;

void BindOptimizer(Settings& settings, OptimizerOptions& options) {
  settings.Field("lr", options.lr, {0, 10}, "peak learning rate of AdamW");
  settings.Field("beta1", options.beta1, {0, 0.999999}, "decay of the first moment");
  settings.Field("beta2", options.beta2, {0, 0.999999}, "decay of the second moment");
  settings.Field("eps", options.eps, {0, 1}, "added to the root of the second moment");
  settings.Field("weight_decay", options.weight_decay, {0, 10},
                 "decoupled decay, on matrices only");
  settings.Field("clip", options.clip, {0, kBillion},
                 "largest global gradient norm; 0: no clipping");
  settings.Field("warmup_steps", options.warmup_steps, {0, kBillion}, "steps of linear warm-up");
  settings.Choice("decay", options.decay,
                  {{"constant", LrDecay::kConstant},
                   {"linear", LrDecay::kLinear},
                   {"cosine", LrDecay::kCosine}},
                  "shape of the learning rate after warm-up");
  settings.Field("final_lr", options.final_lr, {0, 1}, "share of lr that the decay ends at");
}

void BindObjective(Settings& settings, std::string& objective, TrainingRows rows,
                   const char* comment) {
  Settings::Choices<std::string> choices;
  for (const std::string& name : ObjectivesOn(rows)) choices.emplace_back(name, name);
  settings.Choice("objective", objective, choices, comment);
}

// What does not depend on the kind of rows.
void BindTraining(Settings& settings, TrainOptions& options) {
  settings.Section("optimizer", "AdamW and its learning rate",
                   [&](Settings& optimizer) { BindOptimizer(optimizer, options.optimizer); });
  settings.Field("steps", options.steps, {0, kBillion},
                 "optimiser steps; 0: as many as `epochs` needs");
  settings.Field("epochs", options.epochs, {0, kBillion}, "passes over the data when steps is 0");
  settings.Field("batch", options.batch, {1, 1e6}, "sequences (PPM: pairs) per optimiser step");
  settings.Field("micro_batches", options.micro_batches, {1, 65536},
                 "fixed parts a batch is cut into; no more ranks than this can share a step");
  settings.Field("checkpoint_steps", options.checkpoint_steps, {0, kBillion},
                 "steps between step checkpoints; 0: none");
  settings.Field("max_tokens", options.max_tokens, {2, 1e6}, "longer rows are dropped and counted");
  settings.Field("pack_tokens", options.pack_tokens, {0, 1e7},
                 "most tokens computed in one pass, short rows together; 0: max_tokens");
  settings.Field("recompute", options.recompute,
                 "compute activations again in the backward pass: less memory, a third more work");
  settings.Choice("precision", options.precision,
                  {{"fp32", Precision::kFp32}, {"bf16", Precision::kBf16}},
                  "type of the parameters while training; sums and optimiser are fp32 in both");
  settings.Choice("device", options.device, {{"cpu", Device::kCpu}, {"gpu", Device::kGpu}},
                  "where training runs; gpu: one GPU per rank, or host memory where there is none");
  settings.Field("deterministic", options.deterministic,
                 "sum gradients in one fixed order on GPUs too (in host memory it always is one)");
  settings.Field("max_skipped_steps", options.max_skipped_steps, {0, kBillion},
                 "steps in a row that may be skipped for a gradient that is not finite");
}

}  // namespace

void Bind(Settings& settings, TrainOptions& options) {
  BindTraining(settings, options);
  BindObjective(settings, options.objective, TrainingRows::kSupervised,
                "what is minimised over the rows");
}

void Bind(Settings& settings, PpmTrainOptions& options) {
  BindTraining(settings, options.train);
  BindObjective(settings, options.train.objective, TrainingRows::kPairs,
                "pairwise preference (rStar-Math), regression of Q values, or correctness of "
                "whole trajectories");
  settings.Choice("normalisation", options.normalisation,
                  {{"mean", PpmNormalisation::kMean}, {"sum", PpmNormalisation::kSum}},
                  "loss averaged over the pairs of a step (paper) or summed (released code)");
  settings.Field("tanh_in_loss", options.tanh_in_loss,
                 "compare tanh scores (paper) or raw outputs of the head (released code)");
  settings.Field("held_out", options.held_out, {0, 0.9},
                 "share of problems whose pairs only measure accuracy");
  settings.Field("eval_steps", options.eval_steps, {0, kBillion},
                 "steps between measurements of held-out pair accuracy; 0: only at the end");
  settings.Choice("keep", options.keep, {{"last", Keep::kLast}, {"best", Keep::kBest}},
                  "publish the weights of the last step or of the best measurement");
}

void CheckOptions(const PpmTrainOptions& options) {
  if (options.keep == Keep::kBest && options.eval_steps == 0) {
    Fail("PPM training: keep: best needs eval_steps, the steps between two measurements");
  }
}

void Bind(Settings& settings, CurriculumStage& stage) {
  settings.Field("steps", stage.steps, {0, kBillion},
                 "first steps, on easy rows only, at full learning rate; 0: none");
  settings.Field("max_level", stage.max_level, {0, 1e6}, "highest level that counts as easy");
  settings.Field("constant_steps", stage.constant_steps, {0, kBillion},
                 "steps on all rows at full learning rate before the decay starts");
}

}  // namespace gradus
