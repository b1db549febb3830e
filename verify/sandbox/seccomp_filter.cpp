#include "verify/sandbox/seccomp_filter.h"

#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <initializer_list>

#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "schemas/base/handle.h"
#include "verify/sandbox/cage/cage.h"

namespace gradus {
namespace {

struct ContextTraits {
  using Type = scmp_filter_ctx;
  static Type Null() { return nullptr; }
  static void Close(Type context) noexcept { ::seccomp_release(context); }
};
using Context = Handle<ContextTraits>;

// Allowed with any arguments. None of them reaches another process, the network, or a file that is
// not open; those on files that are open for reading change nothing.
constexpr const char* kMemory[] = {"brk",     "mmap",     "munmap", "mremap",
                                   "madvise", "mprotect", "msync",  "membarrier"};
constexpr const char* kFiles[] = {
    "read",        "readv",    "pread64",    "preadv",    "write", "writev", "close",
    "close_range", "dup",      "dup2",       "dup3",      "lseek", "fstat",  "fstat64",
    "stat",        "lstat",    "newfstatat", "fstatat64", "statx", "access", "faccessat",
    "faccessat2",  "readlink", "readlinkat", "getcwd",    "chdir", "fchdir", "getdents",
    "getdents64",  "umask",    "pipe",       "pipe2",     "fsync", "statfs", "fstatfs"};
constexpr const char* kWaiting[] = {
    "select",          "pselect6",   "poll",        "ppoll",    "epoll_create", "epoll_create1",
    "epoll_ctl",       "epoll_wait", "epoll_pwait", "eventfd2", "nanosleep",    "clock_nanosleep",
    "restart_syscall", "pause",      "wait4",       "waitid",   "sched_yield"};
constexpr const char* kSignals[] = {
    "rt_sigaction",  "rt_sigprocmask", "rt_sigreturn", "rt_sigpending", "rt_sigtimedwait",
    "rt_sigsuspend", "sigaltstack",    "alarm",        "setitimer",     "getitimer"};
constexpr const char* kThreads[] = {"set_robust_list", "set_tid_address", "rseq",  "exit",
                                    "exit_group",      "arch_prctl",      "gettid"};
constexpr const char* kInformation[] = {
    "getpid",  "getppid",           "getuid",        "geteuid",      "getgid",
    "getegid", "getresuid",         "getresgid",     "getgroups",    "getpgrp",
    "sysinfo", "getrandom",         "times",         "getrusage",    "getrlimit",
    "getcpu",  "sched_getaffinity", "clock_gettime", "clock_getres", "gettimeofday",
    "time"};

// For programs of any kind, which may start others: nothing here leaves the family of processes.
constexpr const char* kFamily[] = {"execve",
                                   "fork",
                                   "vfork",
                                   "setpgid",
                                   "getpgid",
                                   "getsid",
                                   "setsid",
                                   "flock",
                                   "setrlimit",
                                   "fadvise64",
                                   "mincore",
                                   "sendfile",
                                   "signalfd4",
                                   "timerfd_create",
                                   "timerfd_settime",
                                   "timerfd_gettime",
                                   "timer_create",
                                   "timer_settime",
                                   "timer_gettime",
                                   "timer_getoverrun",
                                   "timer_delete",
                                   "sched_getparam",
                                   "sched_getscheduler",
                                   "sched_get_priority_max",
                                   "sched_get_priority_min"};
// On what socketpair() made: there is no other socket.
constexpr const char* kSocketPairs[] = {"sendto",     "recvfrom",    "sendmsg",
                                        "recvmsg",    "shutdown",    "getsockopt",
                                        "setsockopt", "getsockname", "getpeername"};

class Filter {
 public:
  Filter() : context_(::seccomp_init(SCMP_ACT_ERRNO(EPERM))) {
    if (!context_) Fail("libseccomp cannot start a filter");
    Check(::seccomp_attr_set(context_.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS));
    // A tree instead of a list of a hundred comparisons, where the library can (2.5).
    (void)::seccomp_attr_set(context_.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
  }

  template <std::size_t N>
  void AllowAll(const char* const (&names)[N]) {
    for (const char* name : names) Allow(name, {});
  }
  void Allow(const char* name, std::initializer_list<scmp_arg_cmp> conditions) {
    Add(SCMP_ACT_ALLOW, name, conditions);
  }
  void Add(std::uint32_t action, const char* name, std::initializer_list<scmp_arg_cmp> conditions) {
    const int number = ::seccomp_syscall_resolve_name(name);
    // Not of this architecture, or newer than the library: then it is refused like all others.
    if (number == __NR_SCMP_ERROR || number < 0) return;
    Check(::seccomp_rule_add_array(context_.get(), action, number,
                                   static_cast<unsigned>(conditions.size()), conditions.begin()));
  }
  std::string Instructions() const {
    Fd file(::memfd_create("gradus-filter", MFD_CLOEXEC));
    if (!file) Fail("memfd_create: {}", std::strerror(errno));
    Check(::seccomp_export_bpf(context_.get(), file.get()));
    const off_t size = ::lseek(file.get(), 0, SEEK_END);
    std::string bytes(static_cast<std::size_t>(size), '\0');
    if (::pread(file.get(), bytes.data(), bytes.size(), 0) != size) Fail("reading a filter back");
    return bytes;
  }

 private:
  static void Check(int result) {
    if (result < 0) Fail("libseccomp: {}", std::strerror(-result));
  }
  Context context_;
};

void AllowOpening(Filter& filter, bool writes_confined) {
  if (writes_confined) {
    filter.Allow("open", {});
    filter.Allow("openat", {});
    return;
  }
  constexpr std::uint64_t kChanging = O_ACCMODE | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY);
  filter.Allow("open", {SCMP_A1(SCMP_CMP_MASKED_EQ, kChanging, O_RDONLY)});
  filter.Allow("openat", {SCMP_A2(SCMP_CMP_MASKED_EQ, kChanging, O_RDONLY)});
}

void AllowThreads(Filter& filter) {
  constexpr std::uint64_t kThread = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD;
  constexpr std::uint64_t kMore = CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET |
                                  CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP | CLONE_PTRACE |
                                  CLONE_PARENT | CLONE_VFORK;
  filter.Allow("clone", {SCMP_A0(SCMP_CMP_MASKED_EQ, kThread | kMore, kThread)});
  // The flags of clone3 lie in memory, out of a filter's sight.
  filter.Add(SCMP_ACT_ERRNO(ENOSYS), "clone3", {});
  filter.Add(SCMP_ACT_ERRNO(ENOSYS), "openat2", {});
}

// A futex in a file that two processes map would be a way from one to the other. Threads wait for
// each other's end on one that is not private, but nobody wakes it by a call.
void AllowFutexes(Filter& filter) {
  constexpr std::uint64_t kPrivate = 128, kClock = 256, kWait = 0, kWaitBitset = 9;
  filter.Allow("futex", {SCMP_A1(SCMP_CMP_MASKED_EQ, kPrivate, kPrivate)});
  for (std::uint64_t wait : {kWait, kWaitBitset}) {
    filter.Allow("futex", {SCMP_A1(SCMP_CMP_MASKED_EQ, ~kClock & 0xFFFFFFFF, wait)});
  }
}

void AllowOnItself(Filter& filter) {
  filter.Allow("getpriority", {SCMP_A1(SCMP_CMP_EQ, 0)});
  filter.Allow("tgkill", {SCMP_A0(SCMP_CMP_EQ, cage::kSelfPid)});
  filter.Allow("prlimit64", {SCMP_A0(SCMP_CMP_EQ, 0), SCMP_A2(SCMP_CMP_EQ, 0)});
  filter.Allow("prctl", {SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME)});
  filter.Allow("prctl", {SCMP_A0(SCMP_CMP_EQ, PR_GET_NAME)});
  filter.Allow("prctl", {SCMP_A0(SCMP_CMP_EQ, PR_GET_TID_ADDRESS)});
  for (int command : {F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_SETFL}) {
    filter.Allow("fcntl", {SCMP_A1(SCMP_CMP_EQ, static_cast<scmp_datum_t>(command))});
  }
  for (unsigned long request : {TCGETS, FIONREAD, FIONBIO, FIOCLEX, FIONCLEX}) {
    filter.Allow("ioctl", {SCMP_A1(SCMP_CMP_EQ, request)});
  }
}

void AllowFamily(Filter& filter) {
  filter.AllowAll(kFamily);
  filter.AllowAll(kSocketPairs);
  constexpr std::uint64_t kElsewhere = CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET |
                                       CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP |
                                       CLONE_PTRACE | CLONE_PARENT;
  filter.Allow("clone", {SCMP_A0(SCMP_CMP_MASKED_EQ, kElsewhere, 0)});
  // A stream has no address to send to, so that it reaches its other end alone.
  constexpr std::uint64_t kType = 0xF;
  filter.Allow("socketpair",
               {SCMP_A0(SCMP_CMP_EQ, AF_UNIX), SCMP_A1(SCMP_CMP_MASKED_EQ, kType, SOCK_STREAM)});
  filter.Allow("prlimit64", {SCMP_A0(SCMP_CMP_EQ, 0)});
  filter.Allow("prctl", {SCMP_A0(SCMP_CMP_EQ, PR_SET_PDEATHSIG)});
  for (int command : {F_GETLK, F_SETLK, F_SETLKW, F_GETPIPE_SZ}) {
    filter.Allow("fcntl", {SCMP_A1(SCMP_CMP_EQ, static_cast<scmp_datum_t>(command))});
  }
}

void AllowComputing(Filter& filter, bool writes_confined) {
  filter.AllowAll(kMemory);
  filter.AllowAll(kFiles);
  filter.AllowAll(kWaiting);
  filter.AllowAll(kSignals);
  filter.AllowAll(kThreads);
  filter.AllowAll(kInformation);
  AllowOpening(filter, writes_confined);
  AllowThreads(filter);
  AllowFutexes(filter);
  AllowOnItself(filter);
}

}  // namespace

std::string MakeProgramFilter(const ProgramRules& rules) {
  Filter filter;
  AllowComputing(filter, rules.writes_confined);
  AllowFamily(filter);
  // Several processes of one program may meet, and ask who they are.
  for (const char* name : {"futex", "futex_waitv", "getpriority", "uname"}) filter.Allow(name, {});
  if (rules.own_pids) {
    for (const char* name : {"kill", "tkill", "tgkill"}) filter.Allow(name, {});
  }
  return filter.Instructions();
}

std::string MakeSeccompFilter(bool writes_confined) {
  Filter filter;
  AllowComputing(filter, writes_confined);
  return filter.Instructions();
}

}  // namespace gradus
