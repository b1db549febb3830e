#include "trainer/data/step_plan.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numbers>

#include "schemas/base/error.h"

namespace gradus {
namespace {

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
  const int easy_steps = std::min(stage.steps, steps_);
  Stretch easy = MakeStretch(stage.max_level, 0, easy_steps, MixSeed(seed, "easy"));
  Stretch full = MakeStretch(std::numeric_limits<int>::max(), easy_steps, steps_ - easy_steps,
                             MixSeed(seed, "full"));
  if (easy.steps > 0 && easy.rows == 0) {
    Fail("no rows to train on at level {} or below: the first {} steps want them", stage.max_level,
         easy.steps);
  }
  for (Stretch* stretch : {&easy, &full}) {
    if (stretch->steps > 0) stretches_.push_back(std::move(*stretch));
  }
}

StepPlanner::Stretch StepPlanner::MakeStretch(int max_level, int first_step, int steps,
                                              Seed seed) const {
  Stretch stretch{{}, 0, first_step, steps, seed};
  std::map<int, std::size_t> places;
  for (std::uint32_t row = 0; row < shapes_.size(); ++row) {
    if (shapes_[row].level > max_level) continue;
    const auto [place, is_new] = places.try_emplace(shapes_[row].group, stretch.groups.size());
    if (is_new) stretch.groups.emplace_back();
    stretch.groups[place->second].push_back(row);
    ++stretch.rows;
  }
  return stretch;
}

const std::vector<std::uint32_t>& StepPlanner::Epoch(std::size_t index, std::uint64_t epoch) {
  if (cached_stretch_ == index && cached_epoch_ == epoch && !cached_.empty()) return cached_;
  const Stretch& stretch = stretches_[index];
  auto groups = stretch.groups;
  Random(MixSeed(stretch.seed, "epoch", epoch)).Shuffle(groups);
  cached_.clear();
  for (const auto& group : groups) cached_.insert(cached_.end(), group.begin(), group.end());
  cached_stretch_ = index;
  cached_epoch_ = epoch;
  return cached_;
}

StepPlan StepPlanner::At(int step) {
  Require(step >= 0 && step < steps_, "step outside the plan");
  const std::size_t stretch = step < stretches_[0].steps ? 0 : 1;
  const std::uint64_t count = stretches_[stretch].rows;
  const auto batch = std::uint64_t(batch_);
  std::uint64_t next = std::uint64_t(step - stretches_[stretch].first_step) * batch;
  std::vector<std::uint32_t> rows;
  while (rows.size() < batch) {
    const auto& epoch = Epoch(stretch, next / count);
    const std::uint64_t from = next % count;
    const std::uint64_t take = std::min<std::uint64_t>(batch - rows.size(), count - from);
    rows.insert(rows.end(), epoch.begin() + std::ptrdiff_t(from),
                epoch.begin() + std::ptrdiff_t(from + take));
    next += take;
  }
  return Deal(rows);
}

// Neighbours of one group are dealt out together, at most a leaf's fair number of rows; the
// costliest part first, always to the leaf that has least.
StepPlan StepPlanner::Deal(const std::vector<std::uint32_t>& rows) const {
  struct Part {
    std::vector<std::uint32_t> rows;
    std::int64_t cost = 0;
  };
  const std::size_t most = (rows.size() + std::size_t(leaves_) - 1) / std::size_t(leaves_);
  std::vector<Part> parts;
  for (std::uint32_t row : rows) {
    const RowShape& shape = shapes_[row];
    if (parts.empty() || parts.back().rows.size() == most ||
        shapes_[parts.back().rows[0]].group != shape.group) {
      parts.push_back({{}, shape.shared});
    }
    parts.back().rows.push_back(row);
    parts.back().cost += shape.own;
  }
  std::stable_sort(parts.begin(), parts.end(),
                   [](const Part& a, const Part& b) { return a.cost > b.cost; });
  StepPlan plan;
  plan.leaves.resize(std::size_t(leaves_));
  std::vector<std::int64_t> costs(plan.leaves.size(), 0);
  for (const Part& part : parts) {
    const auto lightest = std::size_t(std::min_element(costs.begin(), costs.end()) - costs.begin());
    auto& leaf = plan.leaves[lightest];
    leaf.insert(leaf.end(), part.rows.begin(), part.rows.end());
    costs[lightest] += part.cost;
  }
  return plan;
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
