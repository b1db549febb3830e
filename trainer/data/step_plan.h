#pragma once
#include <cstdint>
#include <vector>

#include "schemas/base/seed.h"
#include "trainer/options.h"

namespace gradus {

// What planning needs to know of a training row.
struct RowShape {
  int level = 0;
  int group = 0;   // Rows of one group are cheapest side by side: they share `shared` tokens.
  int shared = 0;  // Tokens that all rows of the group begin with.
  int own = 0;     // Tokens beyond them.
};

// The rows of one optimiser step, cut into the fixed leaves of the gradient sum. A leaf may be
// empty.
struct StepPlan {
  std::vector<std::vector<std::uint32_t>> leaves;
};

// Decides which rows every step sees: a pure function of the shapes, the options and the seed,
// never of ranks. Rows stream in epochs, each shuffled anew by whole groups, so every batch is full
// and every row is seen equally often (to one). The leaves of a batch hold about equally many
// tokens.
class StepPlanner {
 public:
  // Throws Error when there are no rows, or none easy enough for a first stage that has steps.
  StepPlanner(std::vector<RowShape> shapes, const TrainOptions& options,
              const CurriculumStage& stage, Seed seed);
  int steps() const { return steps_; }
  // Any order; neighbouring steps are cheapest.
  StepPlan At(int step);

 private:
  // A stretch of steps that draws from one set of rows, by group.
  struct Stretch {
    std::vector<std::vector<std::uint32_t>> groups;
    std::uint64_t rows = 0;
    int first_step = 0, steps = 0;
    Seed seed = 0;
  };
  Stretch MakeStretch(int max_level, int first_step, int steps, Seed seed) const;
  const std::vector<std::uint32_t>& Epoch(std::size_t stretch, std::uint64_t epoch);
  StepPlan Deal(const std::vector<std::uint32_t>& rows) const;

  std::vector<RowShape> shapes_;
  int batch_, leaves_, steps_ = 0;
  std::vector<Stretch> stretches_;
  std::size_t cached_stretch_ = 0;
  std::uint64_t cached_epoch_ = 0;
  std::vector<std::uint32_t> cached_;  // Rows of the cached epoch in their order.
};

// Learning rate of `step` (from 0): linear warm-up, full until the stage and its constant steps are
// over, then decay towards final_lr, which a step after the last would reach.
double LearningRate(const OptimizerOptions& options, const CurriculumStage& stage, int step,
                    int steps);

}  // namespace gradus
