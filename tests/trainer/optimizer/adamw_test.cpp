#include "trainer/optimizer/adamw.h"

#include <doctest/doctest.h>

#include <cmath>

#include "schemas/base/seed.h"

namespace gradus {
namespace {

TEST_CASE("AdamW follows its definition in double, with decay on matrices only") {
  constexpr std::size_t kCount = 101;
  OptimizerOptions options;
  options.weight_decay = 0.1;
  options.beta2 = 0.98;
  const std::vector<ParameterRange> matrices{{3, 40}, {64, 90}};
  std::vector<float> values(kCount);
  std::vector<double> expected(kCount), first(kCount), second(kCount);
  Random random(1);
  for (std::size_t i = 0; i < kCount; ++i) expected[i] = values[i] = float(random.Uniform() - 0.5);
  std::vector<float> first_moment(kCount), second_moment(kCount);
  const double lr = 0.01, scale = 0.5;
  for (int update = 1; update <= 20; ++update) {
    std::vector<float> gradient(kCount);
    for (float& g : gradient) g = float(random.Uniform() - 0.5);
    ApplyAdamW({values, first_moment, second_moment}, gradient, matrices, options, lr, scale,
               std::uint64_t(update));
    for (std::size_t i = 0; i < kCount; ++i) {
      const bool matrix = (i >= 3 && i < 40) || (i >= 64 && i < 90);
      const double g = gradient[i] * scale;
      first[i] = 0.9 * first[i] + 0.1 * g;
      second[i] = 0.98 * second[i] + 0.02 * g * g;
      if (matrix) expected[i] *= 1 - lr * 0.1;
      expected[i] -= lr * first[i] / (1 - std::pow(0.9, update)) /
                     (std::sqrt(second[i] / (1 - std::pow(0.98, update))) + 1e-8);
    }
  }
  for (std::size_t i = 0; i < kCount; ++i)
    CHECK(values[i] == doctest::Approx(expected[i]).epsilon(1e-4));
}

TEST_CASE("Squares are summed block by block, and are not finite when a value is not") {
  std::vector<float> gradient(2 * kBlock + 19, 0.0f);
  gradient[2] = 3;
  gradient[kBlock - 1] = 4;
  gradient[2 * kBlock + 18] = 2;
  CHECK(BlockSquares(gradient) == std::vector<double>{25, 0, 4});
  gradient[kBlock] = std::nanf("");
  const std::vector<double> squares = BlockSquares(gradient);
  CHECK(squares[0] == 25);
  CHECK_FALSE(std::isfinite(squares[1]));
  CHECK(BlockSquares({}).empty());
}

}  // namespace
}  // namespace gradus
