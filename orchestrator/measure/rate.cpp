#include "orchestrator/measure/rate.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>

namespace gradus {
namespace {

std::optional<double> Number(const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != 0 || !std::isfinite(value)) return std::nullopt;
  return value;
}

}  // namespace

bool LevelLess::operator()(const std::string& a, const std::string& b) const {
  const std::optional<double> x = Number(a), y = Number(b);
  if (x && y && *x != *y) return *x < *y;
  if (x.has_value() != y.has_value()) return x.has_value();
  return a < b;
}

Interval WilsonInterval(double successes, std::uint64_t trials) {
  if (trials == 0) return {};
  constexpr double z = 1.959963984540054;  // 97.5 % quantile of the normal distribution.
  const double n = static_cast<double>(trials), p = successes / n;
  const double centre = (p + z * z / (2 * n)) / (1 + z * z / n);
  const double spread = z * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n);
  return {std::max(0.0, centre - spread), std::min(1.0, centre + spread)};
}

void RateByLevel::Add(const std::string& level, double success, bool unverifiable) {
  const auto count = [&](Rate& rate) {
    rate.successes += success;
    rate.total += 1;
    rate.unverifiable += unverifiable ? 1 : 0;
  };
  count(all);
  if (!level.empty()) count(by_level[level]);
}

nlohmann::ordered_json LevelValues(const RateByLevel& rate) {
  nlohmann::ordered_json values = nlohmann::ordered_json::object();
  for (const auto& [level, of_level] : rate.by_level) values[level] = of_level.Value();
  return values;
}

}  // namespace gradus
