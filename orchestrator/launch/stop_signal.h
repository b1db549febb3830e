#pragma once

namespace gradus {

// SIGINT, SIGTERM and SIGUSR1 ask the coordinator to stop at the next boundary (exit code 85).
// Workers ignore them and wait for the coordinator's word: a launcher sends the signal to
// everybody.
void CatchStopSignals();
void IgnoreStopSignals();
bool StopWasAsked();

}  // namespace gradus
