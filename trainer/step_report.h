#pragma once
#include <string>
#include <vector>

namespace gradus {

// What a rank tells the others when the gradient of a step is summed.
struct StepReport {
  bool stop = false;
  std::vector<double> losses, squares;  // Whole-subtree sums over leaves and over gradient blocks.
  double compute_s = 0, flops = 0, right = 0, pairs = 0;
  std::string saver;

  std::string ToBytes() const;
  static StepReport FromBytes(const std::string& bytes);
};

// What all ranks then know about the step; loss and norm are the same bits on any number of ranks.
struct StepOutcome {
  bool stop = false;  // Some rank was asked to.
  double loss = 0, norm = 0;
  double slowest_compute = 0, flops = 0;
  double right = 0, pairs = 0;
};

// `reports` by rank; see FinishTreeSum.
StepOutcome Agree(std::vector<StepReport> reports, int leaves, int blocks);

}  // namespace gradus
