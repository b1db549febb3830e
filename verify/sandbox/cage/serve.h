#pragma once
#include "verify/sandbox/cage/lockdown.h"

namespace gradus::cage {

// Serves requests from `control` until it is closed, which ends this process. Returns only in the
// process of a new job, confined, with its request. `kept`: this process is itself a kept job.
Request Serve(const Bars& bars, int control, bool kept);

// A child that is process 1 of its own PID namespace where `own_pids`, else an ordinary fork.
// `magic` opens the way through the filter of a kept job.
long ForkProcess(bool own_pids, std::uint64_t magic);

}  // namespace gradus::cage
