#pragma once
#include <chrono>
#include <filesystem>

#include "schemas/base/file.h"

namespace gradus {

// Keeps a second coordinator out of a run directory. The LOCK file names host, process and start
// time of its holder; it is taken over when that process is provably gone (same host, ended), or
// when `steal` is set. A holder that still runs is given `patience` to end.
class RunLock {
 public:
  enum class Takeover { kOnlyIfGone, kSteal };
  // Throws Error naming the holder when the run is in use.
  RunLock(std::filesystem::path file, Takeover takeover,
          std::chrono::milliseconds patience = std::chrono::seconds(5));
  ~RunLock();
  RunLock(const RunLock&) = delete;

 private:
  std::filesystem::path file_;
};

}  // namespace gradus
