#pragma once
#include <fmt/format.h>

#include <string>
#include <string_view>

namespace gradus {

// Human lines on stderr: "12:03:04 [rank 2] message". One write per line, so ranks do not
// interleave. The prefix is set once per process, by main.
void SetLogPrefix(std::string prefix);
void LogLine(std::string_view message);

template <class... Args>
void Log(fmt::format_string<Args...> format, Args&&... args) {
  LogLine(fmt::format(format, std::forward<Args>(args)...));
}

// Wall clock, seconds since the epoch, and a monotonic clock in seconds. Only for display and
// timing groups: no decision that reaches a training row may read them.
double WallSeconds();
double MonotonicSeconds();

}  // namespace gradus
