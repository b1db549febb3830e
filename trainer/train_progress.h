#pragma once
#include <cstdint>
#include <limits>

namespace gradus {

constexpr double kNotMeasured = std::numeric_limits<double>::quiet_NaN();

// Where the time of one step went on the first rank.
struct StepSeconds {
  double compute = 0;  // Forward and backward passes; gradients leave meanwhile.
  double wait = 0;     // For the other ranks' gradients, and adding them up.
  double update = 0;   // Gradient norm and AdamW.
  double gather = 0;   // The parameters that other ranks have updated.
  double rest = 0;     // Planning, measuring, saving.
  double Total() const { return compute + wait + update + gather + rest; }
};

// One optimiser step of the whole group.
struct TrainProgress {
  int step = 0, steps = 0;
  double loss = 0, lr = 0, grad_norm = 0;
  std::uint64_t tokens = 0;         // So far, without padding.
  std::uint64_t skipped_steps = 0;  // So far.
  std::uint64_t step_tokens = 0;
  StepSeconds seconds;
  double slowest_compute = 0;               // Seconds of the rank that computed longest.
  double flops = 0;                         // See TrainingFlops; of all ranks.
  double bound = 0;                         // Sum of the ranks' ComputeBound; 0: unknown.
  double pair_accuracy = kNotMeasured;      // Of the step's own pairs, before its update.
  double held_out_accuracy = kNotMeasured;  // After it, at the steps that measure it.

  double TokensPerSecond() const {
    return seconds.Total() > 0 ? double(step_tokens) / seconds.Total() : kNotMeasured;
  }
  // On GPUs the model FLOPs utilisation.
  double ShareOfBound() const {
    return bound > 0 && seconds.Total() > 0 ? flops / seconds.Total() / bound : kNotMeasured;
  }
};

// Calls `number` with the name and a reference of every figure of a step but its counts.
template <class Progress, class Function>
void ForEachNumber(Progress& p, const Function& number) {
  number("loss", p.loss);
  number("lr", p.lr);
  number("grad_norm", p.grad_norm);
  number("compute_s", p.seconds.compute);
  number("wait_s", p.seconds.wait);
  number("update_s", p.seconds.update);
  number("gather_s", p.seconds.gather);
  number("rest_s", p.seconds.rest);
  number("slowest_compute_s", p.slowest_compute);
  number("flops", p.flops);
  number("bound", p.bound);
  number("pair_accuracy", p.pair_accuracy);
  number("held_out_accuracy", p.held_out_accuracy);
}

struct TrainReport {
  int steps = 0;
  std::uint64_t tokens = 0;         // Real tokens seen (no padding).
  std::uint64_t dropped_rows = 0;   // Longer than max_tokens or the model.
  std::uint64_t skipped_steps = 0;  // Non-finite gradient.
  double first_loss = 0, last_loss = 0;
  double pair_accuracy = 0;  // PPM only: held-out pairs ordered correctly; NaN without any.
  std::uint64_t held_out_pairs = 0;
  int published_step = 0;  // Whose weights are published: the last, or the best evaluated.
};

}  // namespace gradus
