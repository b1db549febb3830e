#pragma once
#include "verify/sandbox/cage/lockdown.h"

namespace gradus::cage {

// Python's own preparation of a fork, found in the interpreter that loaded the library.
struct PythonForkHooks {
  void (*before)() = nullptr;
  void (*parent)() = nullptr;
  void (*child)() = nullptr;
  bool Find();
};

// Serves requests from `control` until it is closed, which ends this process. Returns only in the
// process of a new job, confined. `kept`: this process is itself a kept job.
void Serve(const Bars& bars, const PythonForkHooks& hooks, int control, bool kept, Job* job);

// A child that is process 1 of its own PID namespace where `own_pids`, else an ordinary fork.
// `magic` opens the way through the filter of a kept job.
long ForkProcess(bool own_pids, std::uint64_t magic);

}  // namespace gradus::cage
