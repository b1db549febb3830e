#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace gradus {

class Settings;

// Of the parameters in forward and backward. kBf16: the gradient is summed, and the optimiser
// works, in fp32.
enum class Precision : std::uint8_t { kFp32, kBf16 };
// Where parameters and gradients live: host memory, or one GPU per rank (and NCCL between them).
enum class Device : std::uint8_t { kCpu, kGpu };
// Which weights are published: those of the last step, or of the best evaluation.
enum class Keep : std::uint8_t { kLast, kBest };

enum class LrDecay : std::uint8_t { kConstant, kLinear, kCosine };

struct OptimizerOptions {
  double lr = 7e-6;
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  double weight_decay = 0.0;  // Matrices only.
  double clip = 1.0;          // Global gradient norm; 0: off.
  int warmup_steps = 0;
  LrDecay decay = LrDecay::kLinear;
  double final_lr = 0.0;  // Fraction of lr at the last step.
};

// What the rows hold that an objective learns from, in the order of RecordSource.
enum class TrainingRows : std::uint8_t { kUnstored, kSupervised, kPairs };
// Names of the objectives on such rows; the table is in objectives.cpp.
std::vector<std::string> ObjectivesOn(TrainingRows rows);

// One supervised or preference training run.
struct TrainOptions {
  std::string objective = "supervised";  // What is minimised: see objectives.h.
  OptimizerOptions optimizer;
  int steps = 0;  // Optimiser steps; 0: from `epochs`.
  double epochs = 2;
  int batch = 128;             // Sequences or pairs per optimiser step.
  int micro_batches = 4;       // Fixed leaves of the gradient sum; also bounds useful ranks.
  int checkpoint_steps = 100;  // Step checkpoints; 0: none.
  int max_tokens = 4096;       // Longer rows are dropped and counted.
  int pack_tokens = 0;         // Most tokens computed in one pass; 0: max_tokens.
  bool recompute = false;      // Compute activations again in the backward pass.
  Precision precision = Precision::kFp32;
  Device device = Device::kCpu;
  // On GPUs: sum gradients along the fixed tree, as host memory always does, not as NCCL likes.
  bool deterministic = false;
  int max_skipped_steps = 10;  // In a row, for a gradient that is not finite; more is an error.
};
void Bind(Settings& settings, TrainOptions& options);

// How a preference model is trained.
enum class PpmNormalisation : std::uint8_t { kMean, kSum };  // paper, released code
struct PpmTrainOptions {
  PpmTrainOptions() { train.objective = "bradley_terry"; }
  TrainOptions train;
  PpmNormalisation normalisation = PpmNormalisation::kMean;
  bool tanh_in_loss =
      true;                // paper: the head's tanh is part of r; released code: raw linear output.
  double held_out = 0.05;  // Share of problems kept for pair accuracy.
  int eval_steps = 0;      // Steps between measurements of it; 0: only at the end.
  Keep keep = Keep::kLast;
};
void Bind(Settings& settings, PpmTrainOptions& options);
// Throws Error when two of them contradict each other.
void CheckOptions(const PpmTrainOptions& options);

// The constant-learning-rate first stage on easy rows that a start from nothing needs.
struct CurriculumStage {
  int steps = 0;  // The first `steps` steps use only rows whose level is at most `max_level`.
  int max_level = 0;
  int constant_steps = 0;  // After it: steps at full lr before the decay starts.
};
void Bind(Settings& settings, CurriculumStage& stage);

}  // namespace gradus
