#pragma once
#include "verify/sandbox/cage/cage.h"

namespace gradus::cage {

// The first process of a PID name space ignores signals that would end any other one: abort(),
// raise(), an alarm. So that a program ends by them at every level alike, each that it has not
// handled itself reports the end of `request`'s job and leaves. To be renewed for each job.
void EndBySignals(const Request& request);

// Whether the signals that serving itself uses are as they were set for the program: it has not
// handled SIGCHLD or SIGTERM, and blocks none.
bool SignalsAreOurs();

}  // namespace gradus::cage
