#include "schemas/base/log.h"

#include <unistd.h>

#include <chrono>
#include <ctime>

namespace gradus {
namespace {
// Set once by main before any other thread starts.
std::string& Prefix() {
  static std::string prefix;
  return prefix;
}
}  // namespace

void SetLogPrefix(std::string prefix) { Prefix() = std::move(prefix); }

void LogLine(std::string_view message) {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  const std::string line = fmt::format("{:02}:{:02}:{:02} {}{}\n", local.tm_hour, local.tm_min,
                                       local.tm_sec, Prefix(), message);
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

double WallSeconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

double MonotonicSeconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace gradus
