#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "schemas/base/file.h"
#include "verify/sandbox/child_process.h"

namespace gradus {

// What a warm interpreter is started with.
struct ZygoteOptions {
  std::vector<std::string> preload;      // Modules to import and exercise.
  unsigned levels = 0;                   // Bit n: isolation level n may be used.
  std::uint32_t uid = 0;                 // Of the programs: JobUser.
  std::vector<std::string> group_files;  // Control group to join for L3.
};

// One warm Python process (the cage and zygote.py). The destructor ends it and, with it,
// all its programs; it ends by itself when the thread that made it, or this process, ends.
class Zygote {
 public:
  // Starts the process and returns at once. Its jobs report in `report`. It writes to its control
  // socket when it is warm: 'R' + level digit + '1' if reading is confined, a line why no higher
  // level, a line of versions; or 'E' + reason. Throws Error when there is no python3.
  Zygote(const ZygoteOptions& options, const Fd& report);

  // This side of the control socket, for whoever talks to it. Once.
  Fd TakeControl() { return std::move(control_); }

 private:
  Fd control_;
  std::optional<ChildProcess> process_;
};

}  // namespace gradus
