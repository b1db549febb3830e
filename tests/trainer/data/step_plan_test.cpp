#include "trainer/data/step_plan.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>

#include "schemas/base/error.h"

namespace gradus {
namespace {

std::vector<RowShape> RandomShapes(std::size_t count) {
  std::vector<RowShape> shapes;
  Random random(11);
  for (std::size_t i = 0; i < count; ++i) {
    shapes.push_back(
        {.level = int(1 + random.Below(5)), .group = int(i), .own = int(10 + random.Below(60))});
  }
  return shapes;
}

TrainOptions Options(int steps, int batch, int leaves) {
  TrainOptions options;
  options.steps = steps;
  options.batch = batch;
  options.micro_batches = leaves;
  return options;
}

std::map<std::uint32_t, int> CountRows(StepPlanner& plan, int first, int last) {
  std::map<std::uint32_t, int> seen;
  for (int step = first; step < last; ++step) {
    for (const auto& leaf : plan.At(step).leaves) {
      for (std::uint32_t row : leaf) ++seen[row];
    }
  }
  return seen;
}

TEST_CASE("Every batch is full and every row is seen equally often, to one") {
  for (std::size_t rows : {1u, 2u, 7u, 100u, 333u}) {
    StepPlanner plan(RandomShapes(rows), Options(50, 8, 3), {}, 5);
    const auto seen = CountRows(plan, 0, 50);
    CHECK(seen.size() == std::min<std::size_t>(rows, 400));
    int least = 1 << 30, most = 0, total = 0;
    for (const auto& [row, count] : seen) {
      least = std::min(least, count);
      most = std::max(most, count);
      total += count;
    }
    CHECK(total == 400);
    CHECK(most - least <= 1);
  }
}

TEST_CASE("A plan depends on its seed and not on the order of questions") {
  StepPlanner forward(RandomShapes(100), Options(80, 8, 2), {}, 5),
      backward = forward, other(RandomShapes(100), Options(80, 8, 2), {}, 6);
  std::vector<StepPlan> plans;
  for (int step = 0; step < 80; ++step) plans.push_back(forward.At(step));
  bool differs = false;
  for (int step = 79; step >= 0; --step) {
    CHECK(backward.At(step).leaves == plans[std::size_t(step)].leaves);
    differs = differs || other.At(step).leaves != plans[std::size_t(step)].leaves;
  }
  CHECK(differs);
}

TEST_CASE("Steps from epochs round up") {
  TrainOptions options = Options(0, 8, 1);
  options.epochs = 2;
  CHECK(StepPlanner(RandomShapes(100), options, {}, 1).steps() == 25);
  CHECK(StepPlanner(RandomShapes(1), options, {}, 1).steps() == 1);
}

TEST_CASE("The first stage sees easy rows only, all of them, and the rest sees every row") {
  const auto shapes = RandomShapes(200);
  StepPlanner plan(shapes, Options(100, 16, 2), {.steps = 40, .max_level = 2, .constant_steps = 0},
                   3);
  std::set<std::uint32_t> easy;
  for (std::uint32_t row = 0; row < shapes.size(); ++row) {
    if (shapes[row].level <= 2) easy.insert(row);
  }
  const auto first = CountRows(plan, 0, 40);
  CHECK(first.size() == easy.size());
  for (const auto& [row, count] : first) CHECK(easy.count(row) == 1);
  CHECK(CountRows(plan, 40, 100).size() == shapes.size());
}

TEST_CASE("The leaves of a batch hold about equally many tokens") {
  const auto shapes = RandomShapes(1000);
  StepPlanner plan(shapes, Options(30, 32, 4), {}, 3);
  for (int step = 0; step < 30; ++step) {
    int least = 1 << 30, most = 0;
    for (const auto& leaf : plan.At(step).leaves) {
      int tokens = 0;
      for (std::uint32_t row : leaf) tokens += shapes[row].own;
      least = std::min(least, tokens);
      most = std::max(most, tokens);
    }
    CHECK(least > 0.9 * most);
  }
}

TEST_CASE("Rows of one group come into one leaf, unless that leaves others idle") {
  std::vector<RowShape> shapes;
  for (int row = 0; row < 64; ++row) shapes.push_back({1, row % 16, 100, 10});
  StepPlanner plan(shapes, Options(8, 16, 2), {}, 3);
  for (int step = 0; step < 8; ++step) {
    std::map<int, std::set<std::size_t>> leaves_of;
    const StepPlan at = plan.At(step);
    for (std::size_t leaf = 0; leaf < 2; ++leaf) {
      CHECK(at.leaves[leaf].size() == 8);
      for (std::uint32_t row : at.leaves[leaf]) leaves_of[shapes[row].group].insert(leaf);
    }
    CHECK(leaves_of.size() == 4);
    for (const auto& [group, leaves] : leaves_of) CHECK(leaves.size() == 1);
  }
  for (RowShape& shape : shapes) shape.group = 0;
  for (const auto& leaf : StepPlanner(shapes, Options(1, 16, 4), {}, 3).At(0).leaves)
    CHECK(leaf.size() == 4);
}

TEST_CASE("Leaves are balanced, and empty where there are more leaves than rows") {
  StepPlanner plan(RandomShapes(50), Options(3, 5, 8), {}, 3);
  std::size_t rows = 0;
  for (const auto& leaf : plan.At(1).leaves) {
    CHECK(leaf.size() <= 1);
    rows += leaf.size();
  }
  CHECK(rows == 5);
}

TEST_CASE("No rows, or none for the first stage, is an error that says so") {
  CHECK_THROWS_WITH_AS(StepPlanner({}, Options(3, 5, 1), {}, 3), "no rows to train on", Error);
  CHECK_THROWS_AS(StepPlanner({{.level = 4, .own = 10}}, Options(3, 5, 1),
                              {.steps = 2, .max_level = 1, .constant_steps = 0}, 3),
                  Error);
}

TEST_CASE("The learning rate warms up, stays, and decays to its share") {
  OptimizerOptions options;
  options.lr = 2;
  options.warmup_steps = 4;
  options.final_lr = 0.1;
  options.decay = LrDecay::kCosine;
  const CurriculumStage stage{.steps = 10, .max_level = 2, .constant_steps = 20};
  CHECK(LearningRate(options, stage, 0, 50) == doctest::Approx(0.5));
  CHECK(LearningRate(options, stage, 3, 50) == doctest::Approx(2));
  CHECK(LearningRate(options, stage, 29, 50) == doctest::Approx(2));
  CHECK(LearningRate(options, stage, 40, 50) == doctest::Approx(0.2 + 1.8 / 2));
  CHECK(LearningRate(options, stage, 50, 50) == doctest::Approx(0.2));
  for (int step = 30; step < 50; ++step) {
    CHECK(LearningRate(options, stage, step, 50) > LearningRate(options, stage, step + 1, 50));
  }
  options.decay = LrDecay::kLinear;
  CHECK(LearningRate(options, {}, 27, 50) == doctest::Approx(0.2 + 1.8 / 2));
  options.decay = LrDecay::kConstant;
  CHECK(LearningRate(options, {}, 49, 50) == doctest::Approx(2));
}

}  // namespace
}  // namespace gradus
