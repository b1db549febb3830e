#include "orchestrator/launch/stop_signal.h"

#include <csignal>
#include <initializer_list>

namespace gradus {
namespace {

// Written by the handler; the only process-wide state a signal can reach.
volatile std::sig_atomic_t stop_asked = 0;

void Install(void (*handler)(int)) {
  for (int signal : {SIGINT, SIGTERM, SIGUSR1}) {
    struct sigaction action {};
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    ::sigaction(signal, &action, nullptr);
  }
}

}  // namespace

void CatchStopSignals() {
  Install([](int) { stop_asked = 1; });
}

void IgnoreStopSignals() { Install(SIG_IGN); }

bool StopWasAsked() { return stop_asked != 0; }

}  // namespace gradus
