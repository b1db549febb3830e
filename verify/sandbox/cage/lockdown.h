#pragma once
#include "verify/sandbox/cage/cage.h"
#include "verify/sandbox/cage/filter.h"
#include "verify/sandbox/cage/system.h"

namespace gradus::cage {

// What confines a process that runs programs, fixed when the level was entered.
struct Bars {
  int level = 0;
  bool change_user = false;
  int rule_set = -1;             // Landlock; -1 when the kernel has none.
  int statm = -1, maps = -1;     // Of /proc/self of the warm interpreter.
  std::uint64_t base_bytes = 0;  // Its address space when it began to serve.
  Setup setup;
  Filters filters;
};

// What differs from one confined process to the next.
struct Allowance {
  std::uint64_t memory_bytes = 0;  // Address space beyond Bars::base_bytes.
  std::uint32_t cpu_s = 0;
  bool own_pids = false;  // Of the two filters: that of a program with a PID name space of its own.
};

// In the child, in this order: limits, user, no_new_privs, Landlock, descriptors, seccomp. 0 to 3
// stay open; the caller closes 3, its last way to say something, when nothing can fail any more.
// After a true return the process can only compute, read what it may read, and write what is open.
bool LockDown(const Bars& bars, const Allowance& allowance, Reason& reason);

}  // namespace gradus::cage
