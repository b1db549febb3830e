#pragma once
#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace gradus {

// Largest difference, relative to the largest value of `b`; infinite where either is no number.
inline double Deviation(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor wide = b.to(at::kDouble);
  const double deviation =
      ((a.to(at::kDouble) - wide).abs().max() / (wide.abs().max() + 1e-9)).item<double>();
  return std::isnan(deviation) ? std::numeric_limits<double>::infinity() : deviation;
}

inline double Deviation(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
  REQUIRE(a.size() == b.size());
  REQUIRE_FALSE(a.empty());
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) worst = std::max(worst, Deviation(a[i], b[i]));
  return worst;
}

}  // namespace gradus
