#pragma once
#include "verify/sandbox/cage/jail.h"
#include "verify/sandbox/cage/lockdown.h"

namespace gradus::cage {

// What the supervisor wrote behind kSetupFd.
bool ReadSetup(Bars& bars, Reason& reason);

// Takes this process into the highest level that the setup allows and that works here, found out by
// really doing it. Returns it, or -1; `reason` says why no higher one.
int EnterBestLevel(Bars& bars, const Roots& roots, Reason& reason);

// A child that is process 1 of its own PID namespace where `own_pids`, else an ordinary fork.
// `magic` opens the way through the filter of a kept job.
long ForkProcess(bool own_pids, std::uint64_t magic);

}  // namespace gradus::cage
