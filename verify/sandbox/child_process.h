#pragma once
#include <sys/types.h>

#include <string>
#include <vector>

#include "schemas/base/file.h"

namespace gradus {

struct ChildOptions {
  std::string program;  // A path.
  std::vector<std::string> arguments, environment;
  std::vector<int> descriptors;  // What the child has as 0, 1, 2, …; it has no others.
  bool fixed_addresses = false;  // Its memory lies the same in every run, where the system allows.
};

// An environment for a child. Nothing of this process's own: it may hold secrets.
std::vector<std::string> CleanEnvironment();

// A process of ours in a session of its own, which hears SIGTERM when the thread that made it, or
// this process, ends. It inherits what its descendants orphan, and is asked to end all of them.
class ChildProcess {
 public:
  // Starts it and returns at once; whether the program exists shows later. `control` is our end of
  // a socket to the child, by whose hang-up it hears that it shall leave. Throws Error.
  ChildProcess(const ChildOptions& options, const Fd& control);
  // Asks it to leave, waits a moment, ends it.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

 private:
  Fd watch_;  // The control socket: tells when the process is gone.
  pid_t pid_ = -1;
};

}  // namespace gradus
