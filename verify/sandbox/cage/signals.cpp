#include "verify/sandbox/cage/signals.h"

#include <unistd.h>

#include <csignal>
#include <cstring>
#include <initializer_list>

#include "verify/sandbox/cage/report.h"

namespace gradus::cage {
namespace {

char nonce[16];

void OnDeadlySignal(int number) {
  Report report;
  report.status = Status::kSignal;
  report.step = number;
  Send(kResultFd, nonce, report);
  ::_exit(1);
}

}  // namespace

void EndBySignals(const Request& request) {
  std::memcpy(nonce, request.nonce, sizeof nonce);
  for (int number :
       {SIGHUP, SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGUSR1, SIGSEGV, SIGUSR2,
        SIGALRM, SIGTERM, SIGSTKFLT, SIGVTALRM, SIGPROF, SIGIO, SIGPWR, SIGSYS}) {
    struct sigaction now {};
    if (::sigaction(number, nullptr, &now) != 0 || now.sa_handler != SIG_DFL) continue;
    struct sigaction action {};
    action.sa_handler = OnDeadlySignal;
    ::sigaction(number, &action, nullptr);
  }
}

bool SignalsAreOurs() {
  sigset_t blocked{}, none{};  // The C library and the kernel fill less than the whole.
  ::sigprocmask(SIG_BLOCK, nullptr, &blocked);
  struct sigaction child {
  }, term{};
  ::sigaction(SIGCHLD, nullptr, &child);
  ::sigaction(SIGTERM, nullptr, &term);
  return std::memcmp(&blocked, &none, sizeof none) == 0 && child.sa_handler == SIG_DFL &&
         term.sa_handler == OnDeadlySignal;
}

}  // namespace gradus::cage
