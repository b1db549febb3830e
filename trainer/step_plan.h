#pragma once
#include <cstdint>
#include <vector>

#include "schemas/base/seed.h"
#include "trainer/train.h"

namespace gradus {

// What planning needs to know of a training row.
struct RowShape {
  int length = 0;  // Tokens; of a pair, of its longer side.
  int level = 0;
};

// The rows of one optimiser step, cut into the fixed leaves of the gradient sum. A leaf may be
// empty.
struct StepPlan {
  std::vector<std::vector<std::uint32_t>> leaves;
};

// Decides which rows every step sees: a pure function of the shapes, the options and the seed,
// never of ranks. Rows stream in epochs, each shuffled anew, so every batch is full and every row
// is seen equally often (to one). Sixteen batches at a time are sorted by length before they are
// cut, so that a batch holds rows of similar length.
class StepPlanner {
 public:
  // Throws Error when there are no rows, or none easy enough for a first stage that has steps.
  StepPlanner(std::vector<RowShape> shapes, const TrainOptions& options,
              const CurriculumStage& stage, Seed seed);
  int steps() const { return steps_; }
  // Any order; neighbouring steps are cheapest.
  StepPlan At(int step);

 private:
  // A stretch of steps that draws from one set of rows.
  struct Stretch {
    std::vector<std::uint32_t> rows;
    int first_step = 0, steps = 0;
    Seed seed = 0;
  };
  void FillWindow(std::size_t stretch, int window);

  std::vector<RowShape> shapes_;
  int batch_, leaves_, steps_ = 0;
  std::vector<Stretch> stretches_;
  std::size_t cached_stretch_ = 0;
  int cached_window_ = -1;
  std::vector<std::vector<std::uint32_t>> batches_;  // Of the cached window.
};

// Learning rate of `step` (from 0): linear warm-up, full until the stage and its constant steps are
// over, then decay towards final_lr, which a step after the last would reach.
double LearningRate(const OptimizerOptions& options, const CurriculumStage& stage, int step,
                    int steps);

}  // namespace gradus
