#include "trainer/optimizer/adamw.h"

#include <algorithm>
#include <cmath>

#include "schemas/base/error.h"

namespace gradus {
namespace {

struct Coefficients {
  float beta1, beta2, rest1, rest2, scale, step_size, second_scale, eps;
};

// `keep` is 1 - lr·decay. Restrict and no error numbers from sqrt (see CMakeLists.txt) let the
// compiler vectorise.
void UpdateRange(float* __restrict values, const float* __restrict gradient,
                 float* __restrict first, float* __restrict second, std::size_t count,
                 const Coefficients& c, float keep) {
  for (std::size_t i = 0; i < count; ++i) {
    const float g = gradient[i] * c.scale;
    first[i] = c.beta1 * first[i] + c.rest1 * g;
    second[i] = c.beta2 * second[i] + c.rest2 * g * g;
    values[i] =
        keep * values[i] - c.step_size * first[i] / (std::sqrt(second[i]) * c.second_scale + c.eps);
  }
}

}  // namespace

std::vector<double> BlockSquares(std::span<const float> gradient) {
  constexpr std::size_t kLanes =
      8;  // Independent sums: a fixed order, but not one long chain of additions.
  std::vector<double> blocks;
  for (std::size_t first = 0; first < gradient.size(); first += kBlock) {
    const auto block = gradient.subspan(first, std::min(kBlock, gradient.size() - first));
    double lanes[kLanes] = {};
    std::size_t i = 0;
    for (; i + kLanes <= block.size(); i += kLanes) {
      for (std::size_t lane = 0; lane < kLanes; ++lane) {
        const double value = block[i + lane];
        lanes[lane] += value * value;
      }
    }
    double sum = 0;
    for (; i < block.size(); ++i) sum += static_cast<double>(block[i]) * block[i];
    for (double lane : lanes) sum += lane;
    blocks.push_back(sum);
  }
  return blocks;
}

void ApplyAdamW(const AdamBuffers& buffers, std::span<const float> gradient,
                std::span<const ParameterRange> decayed, const OptimizerOptions& options, double lr,
                double scale, std::uint64_t update) {
  const std::size_t count = buffers.values.size();
  Require(gradient.size() == count && buffers.first_moment.size() == count &&
              buffers.second_moment.size() == count,
          "optimiser buffers differ in length");
  const double t = static_cast<double>(update);
  const Coefficients c{.beta1 = float(options.beta1),
                       .beta2 = float(options.beta2),
                       .rest1 = float(1 - options.beta1),
                       .rest2 = float(1 - options.beta2),
                       .scale = float(scale),
                       .step_size = float(lr / (1 - std::pow(options.beta1, t))),
                       .second_scale = float(1 / std::sqrt(1 - std::pow(options.beta2, t))),
                       .eps = float(options.eps)};
  const auto range = [&](std::size_t first, std::size_t last, float keep) {
    UpdateRange(buffers.values.data() + first, gradient.data() + first,
                buffers.first_moment.data() + first, buffers.second_moment.data() + first,
                last - first, c, keep);
  };
  std::size_t at = 0;
  for (const ParameterRange& matrix : decayed) {
    range(at, matrix.first, 1.0f);
    range(matrix.first, matrix.last, float(1 - lr * options.weight_decay));
    at = matrix.last;
  }
  range(at, count, 1.0f);
}

}  // namespace gradus
