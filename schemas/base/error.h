#pragma once
#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace gradus {

// Process exit codes of `gradus`; launch scripts decide on them (docs/operations.md).
enum class ExitCode : int {
  kDone = 0,
  kInternal = 1,
  kBadInput = 2,          // Wrong configuration, missing file, malformed data: do not relaunch.
  kCoordinatorLost = 75,  // A worker saw no coordinator for too long.
  kTrainersLost = 76,     // A training peer died or hung inside a collective.
  kStopped = 85,          // Stopped on request, state saved: run again to continue.
};

// The one error type. The message is a single line: what, where, what to do.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message, ExitCode code = ExitCode::kBadInput)
      : std::runtime_error(message), code_(code) {}
  ExitCode code() const { return code_; }

 private:
  ExitCode code_;
};

// Throws what the outside world did wrong (exit code 2).
template <class... Args>
[[noreturn]] void Fail(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(fmt::format(format, std::forward<Args>(args)...));
}

// Always on, at module borders: a broken invariant of gradus itself (exit code 1).
inline void Require(bool condition, const char* message) {
  if (!condition) throw Error(std::string("internal error: ") + message, ExitCode::kInternal);
}

}  // namespace gradus
