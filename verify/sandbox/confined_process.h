#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "schemas/base/file.h"
#include "verify/sandbox/child_process.h"
#include "verify/sandbox/level.h"

namespace gradus {

struct ConfinedOptions {
  std::vector<std::string> command;      // An absolute path, and arguments.
  std::vector<std::string> reads;        // Folders and files it may read and execute, absolute; the
                                         // system's programs and libraries always.
  unsigned levels = 0;                   // Bit n: isolation level n may be used.
  std::uint32_t uid = 0;                 // UserOfSlot.
  std::vector<std::string> group_files;  // Control group to join for L3.
  int mem_mb = 1024;                     // Address space of each of its processes.
};

// How a confined program ended.
struct ProcessEnd {
  std::string how;   // "exit status 3", "signal 9 (SIGKILL)", why it could not be started.
  double cpu_s = 0;  // Of all its processes, as far as they were waited for.
};

// A program with pipes, confined: it computes, reads what it may, and starts processes that share
// its confinement; it reaches no network, no file to write, no other process. Ends with everything
// that it started when this object does, or when the thread that made it or this process ends.
class ConfinedProcess {
 public:
  // Starts it and returns at once. Throws Error when the system is out of processes or descriptors.
  explicit ConfinedProcess(const ConfinedOptions& options);
  // Blocks until it is confined. Throws Error with the reason when it cannot be.
  Isolation WaitUntilConfined();

  // Our ends, non-blocking: the input is a socket, so that writing raises no signal. Each once.
  Fd TakeInput() { return std::move(input_); }
  Fd TakeOutput() { return std::move(output_); }
  Fd TakeErrors() { return std::move(errors_); }

  // Ends it with everything that it started, unless it ends by itself within `patience_ms`. Blocks
  // for as long, and the moment that takes: 0.2 s at most.
  ProcessEnd End(int patience_ms = 0);

 private:
  // One message of the launcher; "" when none came in time, or it is gone.
  std::string Await(int timeout_ms);
  // Its messages until the one about the end; nothing when that does not come in time.
  std::optional<ProcessEnd> AwaitEnd(int timeout_ms);

  Fd control_, input_, output_, errors_;
  std::optional<ChildProcess> launcher_;
};

}  // namespace gradus
