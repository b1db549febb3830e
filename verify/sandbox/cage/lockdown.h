#pragma once
#include "verify/sandbox/cage/cage.h"
#include "verify/sandbox/cage/filter.h"
#include "verify/sandbox/cage/system.h"

namespace gradus::cage {

// What confines a job's process, fixed when the slot was entered.
struct Bars {
  int level = 0;
  bool change_user = false;
  int rule_set = -1;             // Landlock; -1 when the kernel has none.
  int statm = -1, maps = -1;     // Of /proc/self of the warm interpreter.
  std::uint64_t base_bytes = 0;  // Its address space when it began to serve.
  Setup setup;
  Filters filters;
};

// Descriptors of a new job as they came with its request; -1: it has none of these.
struct JobFds {
  int program = -1, output = -1, result = -1, control = -1;
};

// In the child, in this order: descriptors, limits, user, no_new_privs, Landlock, seccomp. After a
// true return the process can only compute, read what it may read, and write its two pipes.
bool LockDown(const Bars& bars, const Request& request, const JobFds& fds, Reason& reason);

// In the child of a kept job, which is confined already: its own descriptors and CPU limit, and the
// stricter filter unless it is to be kept too.
bool LockDownAgain(const Bars& bars, const Request& request, const JobFds& fds, Reason& reason);

}  // namespace gradus::cage
