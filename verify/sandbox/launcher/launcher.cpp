// Starts one program confined and ends it with everything that it started:
//   launcher READABLE_PATHS PROGRAM ARGUMENTS…
// Descriptors: 0, 1 and 2 are the program's own; 3 is the control socket to the supervisor, whose
// closing ends everything; 4 the Setup; 5 this file. Says 'R' + level digit + '1' if reading is
// confined + why no higher level; then 'E' + reason where the program cannot be started, else 'X' +
// Ended when it has ended. Links against the C library alone.
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <initializer_list>

#include "verify/sandbox/cage/levels.h"
#include "verify/sandbox/cage/orphans.h"

namespace gradus::cage {
namespace {

constexpr int kReasonBytes = 2000;

volatile std::sig_atomic_t asked_to_leave = 0;

void OnSignal(int number) {
  if (number == SIGTERM) asked_to_leave = 1;
}

void Tell(const char* first, const char* text) {
  char message[kReasonBytes + 16];
  const int size = std::snprintf(message, sizeof message, "%s%s", first, text);
  (void)!::send(kControlFd, message, static_cast<std::size_t>(size), MSG_NOSIGNAL);
}

// Process 1 of the program's name space, or its parent: reaps what the program orphans, and ends
// with it, whereupon the kernel ends whatever is left in the name space. Confined like the program.
[[noreturn]] void BeInit(const Bars& bars, char** command, int report) {
  char why[kReasonBytes];
  Reason reason(why, sizeof why);
  ::dup2(report, kControlFd);
  pid_t program = -1;
  if (LockDown(bars, {bars.setup.memory_bytes, UINT_MAX, bars.level >= 2}, reason)) {
    program = ::fork();
    if (program == 0) {
      ::fcntl(kControlFd, F_SETFD, FD_CLOEXEC);
      ::execve(command[0], command, environ);
    }
    if (program <= 0) reason.Failed(command[0]);
  }
  if (program <= 0) {
    (void)!::write(kControlFd, why, std::strlen(why));
    ::_exit(127);
  }
  for (int fd : {0, 1, 2, kControlFd}) ::close(fd);
  for (;;) {
    int status = 0;
    const pid_t ended = ::waitpid(-1, &status, 0);
    if (ended == program) ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    if (ended < 0 && errno != EINTR) ::_exit(126);
  }
}

void TellEnd(int status, const rusage& usage) {
  Ended ended;
  ended.status = status;
  ended.cpu_us =
      static_cast<std::uint64_t>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000u +
      static_cast<std::uint64_t>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
  (void)!::send(kControlFd, &ended, sizeof ended, MSG_NOSIGNAL);
}

// Until the program has ended, or the supervisor wants it to.
void WaitForEnd(pid_t init, const sigset_t& waiting) {
  for (;;) {
    siginfo_t info{};
    if (::waitid(P_PID, static_cast<id_t>(init), &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
        info.si_pid == init) {
      return;
    }
    pollfd control{kControlFd, POLLIN, 0};
    if (::ppoll(&control, 1, nullptr, &waiting) > 0 || asked_to_leave) return;
  }
}

int Launch(Bars& bars, char** command) {
  sigset_t waiting;
  BlockSignals(OnSignal, &waiting);
  int report[2];
  if (::pipe2(report, O_CLOEXEC) != 0) return 1;
  const long init = ForkProcess();
  if (init == 0) BeInit(bars, command, report[1]);
  ::close(report[1]);
  for (int fd : {0, 1, 2}) ::close(fd);
  char why[kReasonBytes] = {};
  if (init < 0) Tell("E", "no process can be started");
  if (init > 0 && ::read(report[0], why, sizeof why - 1) > 0) Tell("E", why);
  if (init < 0) return 1;
  WaitForEnd(static_cast<pid_t>(init), waiting);
  ::kill(static_cast<pid_t>(init), SIGKILL);
  int status = 0;
  rusage usage{};
  ::wait4(static_cast<pid_t>(init), &status, 0, &usage);
  if (bars.level < 2) {
    // What is left of it has become ours. Its use of the processor counts too.
    EndOrphans();
    ::getrusage(RUSAGE_CHILDREN, &usage);
  }
  TellEnd(status, usage);
  return 0;
}

int Main(int count, char** arguments) {
  static Bars bars;
  static Roots roots;
  char why[kReasonBytes];
  Reason reason(why, sizeof why);
  if (count < 3 || !ReadSetup(bars, reason)) return 2;
  ::fcntl(kControlFd, F_SETFD, FD_CLOEXEC);
  ::close(kSetupFd);
  ::close(kLibraryFd);
  if (!roots.Add(arguments[1])) {
    Tell("E", "too many folders are to be read");
    return 1;
  }
  const int level = EnterBestLevel(bars, roots, reason);
  if (level < 0) {
    Tell("E", why);
    return 1;
  }
  const char said[4] = {'R', static_cast<char>('0' + level),
                        level >= 2 || bars.rule_set >= 0 ? '1' : '0', '\0'};
  Tell(said, why);
  return ::chdir("/") == 0 ? Launch(bars, arguments + 2) : 1;
}

}  // namespace
}  // namespace gradus::cage

int main(int count, char** arguments) { return gradus::cage::Main(count, arguments); }
