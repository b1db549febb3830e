#pragma once
#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace gradus {

// Levels in the order a reader expects: numbers by value, then texts.
struct LevelLess {
  bool operator()(const std::string& a, const std::string& b) const;
};

struct Interval {
  double low = 0, high = 1;
};
// The Wilson score interval at 95 %; [0, 1] without any trial. `successes` may be fractional
// (expectations).
Interval WilsonInterval(double successes, std::uint64_t trials);

// A share of problems. `unverifiable` of them had no verdict: they count as not solved and are
// shown.
struct Rate {
  double successes = 0;
  std::uint64_t total = 0, unverifiable = 0;
  double Value() const { return total == 0 ? 0 : successes / static_cast<double>(total); }
};

struct RateByLevel {
  Rate all;
  std::map<std::string, Rate, LevelLess> by_level;
  // Counts one problem; `success` is 1, 0 or an expectation between. Problems without a level count
  // in `all` only.
  void Add(const std::string& level, double success, bool unverifiable = false);
};

// {"2": 0.91, "3": 0.6, …}: values only.
nlohmann::ordered_json LevelValues(const RateByLevel& rate);

}  // namespace gradus
