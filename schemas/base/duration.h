#pragma once
#include <fmt/format.h>

#include <cmath>
#include <string>

namespace gradus {

// A time span for people: "42s", "3m07s", "2h05m"; "–" when it is not known.
inline std::string DurationText(double seconds) {
  if (!std::isfinite(seconds)) return "–";
  const auto s = static_cast<long>(seconds + 0.5);
  if (s < 60) return fmt::format("{}s", s);
  if (s < 3600) return fmt::format("{}m{:02}s", s / 60, s % 60);
  return fmt::format("{}h{:02}m", s / 3600, s / 60 % 60);
}

}  // namespace gradus
