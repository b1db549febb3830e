#pragma once
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "schemas/base/file.h"

namespace gradus {

// What a warm interpreter is started with.
struct ZygoteOptions {
  std::vector<std::string> preload;      // Modules to import and exercise.
  unsigned levels = 0;                   // Bit n: isolation level n may be used.
  std::uint32_t uid = 0;                 // Of the programs: UserOfSlot.
  std::vector<std::string> group_files;  // Control group to join for L3.
};

// User that the programs of a slot run as, where this process is root; 0 else.
std::uint32_t UserOfSlot(int slot);

// One warm Python process (zygote.py, confined by the cage). The destructor ends it and, with it,
// all its programs; it ends by itself when the thread that made it, or this process, ends.
class Zygote {
 public:
  // Starts the process and returns at once. It writes to its control socket when it is warm: 'R' +
  // level digit + '1' if reading is confined, a line why no higher level, a line of versions; or
  // 'E' + reason. Throws Error when there is no python3.
  explicit Zygote(const ZygoteOptions& options);
  ~Zygote();
  Zygote(const Zygote&) = delete;
  Zygote& operator=(const Zygote&) = delete;

  // This side of the control socket, for whoever talks to it. Once.
  Fd TakeControl() { return std::move(control_); }

 private:
  Fd control_;
  Fd watch_;  // The same socket: tells when the process is gone.
  pid_t pid_ = -1;
};

// The text of zygote.py, and the cage as a shared object.
const char* ZygoteSource();
std::string_view CageImage();

}  // namespace gradus
