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

bool MoveFd(int from, int to) { return from < 0 || from == to || ::dup2(from, to) == to; }

void CloseRange(unsigned first, unsigned last) {
  constexpr int kCloseRange = 436;
  if (::syscall(kCloseRange, first, last, 0) == 0) return;
  const unsigned end = last < 1024 ? last : 1023;  // Before Linux 5.9; the limit of files is below.
  for (unsigned fd = first; fd <= end; ++fd) ::close(static_cast<int>(fd));
}

// The four descriptors go where programs expect none of them. All sources lie below the targets or
// are the targets' own predecessors, so the order matters: the highest first.
bool PlaceFds(const JobFds& fds, bool keep) {
  if (keep && !MoveFd(fds.control, kKeptControlFd)) return false;
  if (!MoveFd(fds.result, kResultFd) || !MoveFd(fds.output, 1)) return false;
  return MoveFd(fds.program, kProgramFd);
}

void CloseOthers(bool keep) {
  CloseRange(kProgramFd + 1, kResultFd - 1);
  CloseRange(keep ? kKeptControlFd + 1 : kKeptControlFd, UINT_MAX);
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

bool SetLimits(const Bars& bars, const Request& request) {
  const rlim_t memory = bars.base_bytes + request.memory_bytes;
  // The first process of a PID namespace ignores SIGXCPU: only the hard limit ends it.
  const rlim_t cpu = request.cpu_s, cpu_hard = bars.level >= 2 ? cpu : cpu + 1;
  // A user of its own is counted alone; else only a bound on the whole host is possible.
  const rlim_t tasks = bars.setup.tasks + (bars.change_user ? 0 : HostTasks());
  return Limit(RLIMIT_AS, memory, memory) && Limit(RLIMIT_CPU, cpu, cpu_hard) &&
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

bool LockDown(const Bars& bars, const Request& request, const JobFds& fds, Reason& reason) {
  ResetSignals();
  ::setsid();
  if (!PlaceFds(fds, request.keep)) return reason.Failed("placing descriptors");
  if (!SetLimits(bars, request)) return reason.Failed("setting limits");
  if (bars.level == 0) {
    CloseOthers(request.keep);
    return ::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 || reason.Failed("parent death signal");
  }
  if (!DropPrivileges(bars)) return reason.Failed("dropping privileges");
  // After the change of user, which clears it.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return reason.Failed("parent death signal");
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return reason.Failed("no_new_privs");
  const bool landlock = bars.rule_set >= 0;
  if (landlock && !EnterRuleSet(bars.rule_set)) return reason.Failed("Landlock");
  CloseOthers(request.keep);
  return bars.filters.Enter(landlock, request.keep, 0) || reason.Failed("seccomp");
}

bool LockDownAgain(const Bars& bars, const Request& request, const JobFds& fds, Reason& reason) {
  ResetSignals();
  if (!PlaceFds(fds, request.keep)) return reason.Failed("placing descriptors");
  CloseOthers(request.keep);
  const rlimit cpu{request.cpu_s, request.cpu_s};
  if (::syscall(SYS_prlimit64, 0, RLIMIT_CPU, &cpu, nullptr, 0, bars.setup.magic) != 0) {
    return reason.Failed("setting limits");
  }
  if (request.keep) return true;
  return bars.filters.Enter(bars.rule_set >= 0, false, bars.setup.magic) ||
         reason.Failed("seccomp");
}

}  // namespace gradus::cage
