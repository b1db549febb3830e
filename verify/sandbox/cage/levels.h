#pragma once
#include "verify/sandbox/cage/jail.h"
#include "verify/sandbox/cage/lockdown.h"

namespace gradus::cage {

// What the supervisor wrote behind kSetupFd.
bool ReadSetup(Bars& bars, Reason& reason);

// Takes this process into the highest level that the setup allows and that works here, found out by
// really doing it. Returns it, or -1; `reason` says why no higher one.
int EnterBestLevel(Bars& bars, const Roots& roots, Reason& reason);

// An ordinary fork without its hooks. From L2 on the first child is process 1 of a PID name space,
// and all later ones live in it.
long ForkProcess();

}  // namespace gradus::cage
