#include "verify/sandbox/cage/levels.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>

#include "verify/sandbox/cage/landlock.h"

namespace gradus::cage {
namespace {

constexpr int kTrialOk = 7;

bool JoinGroups(const Bars& bars, Reason& reason) {
  for (const auto& file : bars.setup.group_files) {
    if (file[0] != '\0' && !WriteText(file, "0")) return reason.Failed("joining the control group");
  }
  return true;
}

// Everything that level `level` means for this process and what it starts.
bool EnterLevel(Bars& bars, const Roots& roots, int level, Reason& reason) {
  bars.level = level;
  if (level == 0) return true;
  if (level >= 3 && !JoinGroups(bars, reason)) return false;
  const bool new_user = level >= 2 && !HasSysAdmin();
  if (level >= 2 && !EnterJail(roots, new_user, reason)) return false;
  bars.change_user = MayChangeUser() && !new_user && bars.setup.uid != 0;
  bars.rule_set = MakeRuleSet(roots, bars.setup.may_execute != 0);
  return true;
}

// Really does it, in a process of its own: enters the level and confines a child of it.
[[noreturn]] void TryLevel(Bars& bars, const Roots& roots, int level, int report) {
  char text[400];
  Reason reason(text, sizeof text);
  if (EnterLevel(bars, roots, level, reason)) {
    const long child = ForkProcess();
    if (child == 0) {
      char why[400];
      Reason failure(why, sizeof why);
      ::dup2(report, kControlFd);  // The lock-down leaves it open: it carries the reason.
      if (LockDown(bars, {1u << 30, 5, false}, failure)) ::_exit(kTrialOk);
      (void)!::write(kControlFd, why, std::strlen(why));
      ::_exit(1);
    }
    int status = 0;
    if (child < 0) {
      reason.Failed("starting a process");
    } else if (::waitpid(static_cast<pid_t>(child), &status, 0) < 0 || !WIFEXITED(status) ||
               WEXITSTATUS(status) != kTrialOk) {
      ::_exit(1);
    } else {
      ::_exit(kTrialOk);
    }
  }
  (void)!::write(report, text, std::strlen(text));
  ::_exit(1);
}

bool LevelWorks(Bars& bars, const Roots& roots, int level, Reason& reason) {
  int report[2];
  if (::pipe2(report, O_CLOEXEC) != 0) return reason.Failed("pipe");
  const pid_t trial = ::fork();
  if (trial == 0) TryLevel(bars, roots, level, report[1]);
  ::close(report[1]);
  char why[400] = {};
  const ssize_t size = ::read(report[0], why, sizeof why - 1);
  ::close(report[0]);
  int status = 0;
  if (trial < 0) return reason.Failed("fork");
  ::waitpid(trial, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == kTrialOk) return true;
  reason.Add(size > 0 ? why : "the trial process died");
  return false;
}

}  // namespace

long ForkProcess() {
  // The C library keeps the thread's number in memory; the kernel renews it in the child, as fork()
  // would ask for.
  int* tid = nullptr;
  if (::prctl(PR_GET_TID_ADDRESS, &tid) != 0) tid = nullptr;
  unsigned long flags = SIGCHLD;
  if (tid) flags |= CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
#if defined(__x86_64__)
  return ::syscall(SYS_clone, flags, 0, 0, tid, 0);
#else
  return ::syscall(SYS_clone, flags, 0, 0, 0, tid);
#endif
}

bool ReadSetup(Bars& bars, Reason& reason) {
  if (::pread(kSetupFd, &bars.setup, sizeof bars.setup, 0) == sizeof bars.setup &&
      bars.setup.size == sizeof bars.setup && bars.filters.Read(bars.setup, reason)) {
    return true;
  }
  reason.Add("the supervisor's setup cannot be read");
  return false;
}

int EnterBestLevel(Bars& bars, const Roots& roots, Reason& reason) {
  // Where memory runs out, programs go first, before anything of the run.
  WriteText("/proc/self/oom_score_adj", "1000");
  bool first = true;
  for (int level = 3; level >= 0; --level) {
    if (!((bars.setup.levels >> level) & 1)) continue;
    char why[400];
    Reason failure(why, sizeof why);
    if (LevelWorks(bars, roots, level, failure) && EnterLevel(bars, roots, level, failure)) {
      return level;
    }
    char name[16];
    std::snprintf(name, sizeof name, "%sL%d: ", first ? "" : "; ", level);
    reason.Add(name);
    reason.Add(why);
    first = false;
  }
  return -1;
}

}  // namespace gradus::cage
