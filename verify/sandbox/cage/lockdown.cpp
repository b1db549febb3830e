#include "verify/sandbox/cage/lockdown.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "verify/sandbox/cage/landlock.h"

namespace gradus::cage {
namespace {

void CloseFrom(unsigned first) {
  constexpr int kCloseRange = 436;
  if (::syscall(kCloseRange, first, UINT_MAX, 0) == 0) return;
  // Before Linux 5.9; the limit of files is below.
  for (unsigned fd = first; fd < 1024; ++fd) ::close(static_cast<int>(fd));
}

bool Limit(int resource, rlim_t soft, rlim_t hard) {
  const rlimit limit{soft, hard};
  return ::setrlimit(static_cast<__rlimit_resource>(resource), &limit) == 0;
}

// Processes of the user on the whole host: the kernel may count all of them.
unsigned long HostTasks() {
  char text[128] = {};
  const int fd = ::open("/proc/loadavg", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 1u << 15;
  const ssize_t size = ::read(fd, text, sizeof text - 1);
  ::close(fd);
  const char* slash = size > 0 ? std::strchr(text, '/') : nullptr;
  return slash ? std::strtoul(slash + 1, nullptr, 10) : 1u << 15;
}

bool SetLimits(const Bars& bars, const Allowance& allowance) {
  const rlim_t memory = bars.base_bytes + allowance.memory_bytes;
  // Both alike, so that it ends by SIGKILL: no program handles it, and a SIGXCPU is its own.
  const rlim_t cpu = allowance.cpu_s;
  // A user of its own is counted alone; else only a bound on the whole host is possible.
  const rlim_t tasks = bars.setup.tasks + (bars.change_user ? 0 : HostTasks());
  return Limit(RLIMIT_AS, memory, memory) && Limit(RLIMIT_CPU, cpu, cpu) &&
         Limit(RLIMIT_FSIZE, 0, 0) && Limit(RLIMIT_CORE, 0, 0) && Limit(RLIMIT_MEMLOCK, 0, 0) &&
         Limit(RLIMIT_MSGQUEUE, 0, 0) && Limit(RLIMIT_NPROC, tasks, tasks) &&
         Limit(RLIMIT_NOFILE, bars.setup.open_files, bars.setup.open_files);
}

bool DropPrivileges(const Bars& bars) {
  if (bars.change_user) {
    const uid_t uid = bars.setup.uid;
    if (::setgroups(0, nullptr) != 0 || ::setresgid(uid, uid, uid) != 0 ||
        ::setresuid(uid, uid, uid) != 0) {
      return false;
    }
  }
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct none[2] = {};
  return ::syscall(SYS_capset, &header, none) == 0;
}

void ResetSignals() {
  ::signal(SIGCHLD, SIG_DFL);
  ::signal(SIGTERM, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

}  // namespace

bool LockDown(const Bars& bars, const Allowance& allowance, Reason& reason) {
  ResetSignals();
  ::setsid();
  if (!SetLimits(bars, allowance)) return reason.Failed("setting limits");
  if (bars.level == 0) {
    CloseFrom(kControlFd + 1);
    return ::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 || reason.Failed("parent death signal");
  }
  if (!DropPrivileges(bars)) return reason.Failed("dropping privileges");
  // After the change of user, which clears it.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return reason.Failed("parent death signal");
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return reason.Failed("no_new_privs");
  const bool landlock = bars.rule_set >= 0;
  if (landlock && !EnterRuleSet(bars.rule_set)) return reason.Failed("Landlock");
  CloseFrom(kControlFd + 1);
  return bars.filters.Enter(landlock, allowance.own_pids) || reason.Failed("seccomp");
}

}  // namespace gradus::cage
