#include "trainer/step_plan.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "schemas/base/error.h"

namespace gradus {
namespace {

// Sorting by length saves padding; a window much larger would make batches of one level each.
constexpr int kBatchesPerWindow = 8;

int StepCount(const TrainOptions& options, std::size_t rows) {
  if (options.steps > 0) return options.steps;
  const double steps = std::ceil(options.epochs * static_cast<double>(rows) / options.batch);
  return std::max(1, static_cast<int>(steps));
}

}  // namespace

StepPlanner::StepPlanner(std::vector<RowShape> shapes, const TrainOptions& options,
                         const CurriculumStage& stage, Seed seed)
    : shapes_(std::move(shapes)), batch_(options.batch), leaves_(options.micro_batches) {
  Require(batch_ > 0 && leaves_ > 0, "a training step needs a batch and micro-batches");
  if (shapes_.empty()) Fail("no rows to train on");
  steps_ = StepCount(options, shapes_.size());
  Stretch easy{{}, 0, std::min(stage.steps, steps_), MixSeed(seed, "easy")};
  Stretch full{{}, easy.steps, steps_ - easy.steps, MixSeed(seed, "full")};
  for (std::uint32_t row = 0; row < shapes_.size(); ++row) {
    if (shapes_[row].level <= stage.max_level) easy.rows.push_back(row);
    full.rows.push_back(row);
  }
  if (easy.steps > 0 && easy.rows.empty()) {
    Fail("no rows to train on at level {} or below: the first {} steps want them", stage.max_level,
         easy.steps);
  }
  for (Stretch* stretch : {&easy, &full}) {
    if (stretch->steps > 0) stretches_.push_back(std::move(*stretch));
  }
}

StepPlan StepPlanner::At(int step) {
  Require(step >= 0 && step < steps_, "step outside the plan");
  const std::size_t stretch = step < stretches_[0].steps ? 0 : 1;
  const int within = step - stretches_[stretch].first_step;
  FillWindow(stretch, within / kBatchesPerWindow);
  const auto& rows = batches_[static_cast<std::size_t>(within % kBatchesPerWindow)];
  StepPlan plan;
  for (int leaf = 0; leaf < leaves_; ++leaf) {
    const LeafRange range = LeavesOf(leaf, leaves_, static_cast<int>(rows.size()));
    plan.leaves.emplace_back(rows.begin() + range.first, rows.begin() + range.last);
  }
  return plan;
}

void StepPlanner::FillWindow(std::size_t index, int window) {
  if (cached_stretch_ == index && cached_window_ == window) return;
  const Stretch& stretch = stretches_[index];
  const std::uint64_t count = stretch.rows.size();
  const int batches = std::min(kBatchesPerWindow, stretch.steps - window * kBatchesPerWindow);
  const std::uint64_t first = std::uint64_t(window) * kBatchesPerWindow * std::uint64_t(batch_);
  const std::uint64_t last = first + std::uint64_t(batches) * std::uint64_t(batch_);

  std::vector<std::uint32_t> rows;
  for (std::uint64_t epoch = first / count; epoch * count < last; ++epoch) {
    std::vector<std::uint32_t> order = stretch.rows;
    Random(MixSeed(stretch.seed, "epoch", epoch)).Shuffle(order);
    const std::uint64_t from = std::max(first, epoch * count) - epoch * count;
    const std::uint64_t to = std::min(last, (epoch + 1) * count) - epoch * count;
    rows.insert(rows.end(), order.begin() + std::ptrdiff_t(from),
                order.begin() + std::ptrdiff_t(to));
  }
  std::stable_sort(rows.begin(), rows.end(), [&](std::uint32_t a, std::uint32_t b) {
    return shapes_[a].length < shapes_[b].length;
  });
  batches_.clear();
  for (std::size_t at = 0; at < rows.size(); at += std::size_t(batch_)) {
    batches_.emplace_back(rows.begin() + std::ptrdiff_t(at),
                          rows.begin() + std::ptrdiff_t(at) + batch_);
  }
  Random(MixSeed(stretch.seed, "window", std::uint64_t(window))).Shuffle(batches_);
  cached_stretch_ = index;
  cached_window_ = window;
}

double LearningRate(const OptimizerOptions& options, const CurriculumStage& stage, int step,
                    int steps) {
  if (step < options.warmup_steps) return options.lr * (step + 1) / options.warmup_steps;
  const int decay_start = std::max(options.warmup_steps, stage.steps + stage.constant_steps);
  if (options.decay == LrDecay::kConstant || step < decay_start) return options.lr;
  const double done = static_cast<double>(step - decay_start) / (steps - decay_start);
  const double left =
      options.decay == LrDecay::kLinear ? 1 - done : (1 + std::cos(std::numbers::pi * done)) / 2;
  return options.lr * (options.final_lr + (1 - options.final_lr) * left);
}

}  // namespace gradus
