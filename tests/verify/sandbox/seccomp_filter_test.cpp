// The filter read as a function of a call, by a small interpreter of BPF, and loaded for real into
// a child that then tries.
#include "verify/sandbox/seccomp_filter.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "schemas/base/seed.h"
#include "tests/fakes/filter_machine.h"
#include "verify/sandbox/cage/cage.h"

namespace gradus {
namespace {

constexpr std::uint32_t kAllowed = SECCOMP_RET_ALLOW;
constexpr std::uint32_t kRefused = SECCOMP_RET_ERRNO | EPERM;
constexpr std::uint32_t kUnknown = SECCOMP_RET_ERRNO | ENOSYS;

// Arguments that are often small, sometimes anything.
Arguments SomeArguments(Random& random) {
  Arguments arguments;
  for (std::uint64_t& argument : arguments) {
    argument = random.Below(2) == 0 ? random.Below(4) : random.Bits() >> random.Below(64);
  }
  return arguments;
}

}  // namespace

TEST_CASE("A call is allowed or fails; nothing else happens to one of this architecture") {
  Random random(1);
  for (const bool writes_confined : {false, true}) {
    const FilterMachine machine(writes_confined);
    int allowed = 0;
    for (long number = 0; number < 600; ++number) {
      for (int i = 0; i < 20; ++i) {
        const std::uint32_t verdict = machine.Of(number, SomeArguments(random));
        CHECK((verdict == kAllowed || verdict == kRefused || verdict == kUnknown));
        allowed += verdict == kAllowed;
      }
    }
    CHECK(allowed > 20 * 80);
    CHECK(allowed < 20 * 160);
  }
}

TEST_CASE(
    "Whatever reaches other processes, the network or the system is refused, by any argument") {
  std::istringstream refused(
      "execve execveat fork vfork kill tkill rt_sigqueueinfo rt_tgsigqueueinfo ptrace "
      "process_vm_readv process_vm_writev pidfd_open pidfd_getfd pidfd_send_signal socket "
      "socketpair connect bind listen accept accept4 sendto sendmsg sendmmsg recvfrom mount "
      "umount2 pivot_root chroot unshare setns setuid setgid setresuid setgroups capset "
      "setrlimit setpriority sched_setscheduler sched_setaffinity creat mkdir mkdirat rmdir "
      "unlink unlinkat rename renameat2 link linkat symlink symlinkat mknod mknodat chmod "
      "fchmod fchmodat chown fchown truncate ftruncate fallocate utimensat setxattr "
      "open_by_handle_at name_to_handle_at memfd_create memfd_secret shmget shmat semget "
      "msgget mq_open bpf perf_event_open userfaultfd io_uring_setup io_setup keyctl add_key "
      "personality reboot swapon init_module finit_module kexec_load acct syslog quotactl iopl "
      "ioperm modify_ldt settimeofday clock_settime sethostname setsid setpgid timer_create "
      "inotify_init1 fanotify_init landlock_create_ruleset sendfile splice copy_file_range "
      "process_madvise remap_file_pages mbind kcmp uname futex_waitv");
  std::map<std::string, int> numbers;  // Without those newer than the library.
  for (std::string name; refused >> name;) {
    const int number = ::seccomp_syscall_resolve_name(name.c_str());
    if (number >= 0) numbers[name] = number;
  }
  CHECK(numbers.size() > 80);
  Random random(2);
  for (const bool writes_confined : {false, true}) {
    const FilterMachine machine(writes_confined);
    for (const auto& [name, number] : numbers) {
      CAPTURE(name);
      for (int i = 0; i < 50; ++i) {
        CHECK(machine.Of(number, SomeArguments(random)) == kRefused);
      }
    }
  }
}

TEST_CASE(
    "Calls of another architecture, and of the other numbering of this one, end the process") {
  for (const bool writes_confined : {false, true}) {
    const FilterMachine machine(writes_confined);
    const std::uint32_t others[] = {
        AUDIT_ARCH_I386, AUDIT_ARCH_ARM, AUDIT_ARCH_X86_64, AUDIT_ARCH_AARCH64, 0, ~0u};
    for (const std::uint32_t arch : others) {
      if (arch == ::seccomp_arch_native()) continue;
      for (int number = 0; number < 500; ++number) {
        seccomp_data call{};
        call.nr = number;
        call.arch = arch;
        CHECK(machine.Verdict(call) == SECCOMP_RET_KILL_PROCESS);
      }
    }
#ifdef __x86_64__
    constexpr long kX32 = 0x40000000;
    for (long number = 0; number < 600; ++number) {
      CHECK_FALSE(machine.Allows(kX32 | number));
    }
#endif
  }
}

TEST_CASE("Without Landlock a file is opened for reading only, whatever else the flags say") {
  // As the kernel sees them: 32 bits, of which these change something.
  constexpr std::uint32_t kChanging = O_ACCMODE | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY);
  const FilterMachine closed(false), open(true);
  Random random(3);
  for (const std::uint64_t flags :
       {O_RDONLY, O_WRONLY, O_RDWR, O_RDONLY | O_CREAT, O_RDONLY | O_TRUNC, O_RDWR | O_TMPFILE,
        O_RDONLY | O_TMPFILE, O_RDONLY | O_CLOEXEC | O_DIRECTORY, O_RDONLY | O_NONBLOCK, O_PATH,
        O_ACCMODE}) {
    CHECK(closed.Allows(SYS_openat, {0, 0, flags}) == ((flags & kChanging) == 0));
  }
  for (int i = 0; i < 5000; ++i) {
    std::uint64_t flags = random.Bits() & random.Bits();
    if (i % 2 == 0) flags &= ~std::uint64_t{kChanging};
    const bool reads = (static_cast<std::uint32_t>(flags) & kChanging) == 0;
    CHECK(closed.Allows(SYS_openat, {random.Bits(), random.Bits(), flags, random.Bits()}) == reads);
    CHECK(open.Allows(SYS_openat, {random.Bits(), random.Bits(), flags, random.Bits()}));
#ifdef SYS_open
    CHECK(closed.Allows(SYS_open, {random.Bits(), flags, random.Bits()}) == reads);
#endif
  }
}

TEST_CASE("A clone is a thread of this process in its own name spaces, or refused") {
  constexpr std::uint64_t kThread = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD;
  constexpr std::uint64_t kMore = CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET |
                                  CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP | CLONE_PTRACE |
                                  CLONE_PARENT | CLONE_VFORK;
  Random random(4);
  int threads = 0;
  for (const bool writes_confined : {false, true}) {
    const FilterMachine machine(writes_confined);
    for (int i = 0; i < 5000; ++i) {
      std::uint64_t flags = random.Bits() & random.Bits();
      if (i % 2 == 0) flags = (flags | kThread) & (i % 4 == 0 ? ~kMore : ~std::uint64_t{0});
      const bool thread = (flags & kThread) == kThread && (flags & kMore) == 0;
      CHECK(machine.Allows(SYS_clone, {flags, random.Bits(), 0, 0, random.Bits(), 0}) == thread);
      threads += thread;
    }
    CHECK(machine.Of(SYS_clone3) == kUnknown);  // So that the C library uses clone.
    CHECK(machine.Of(SYS_openat2) == kUnknown);
  }
  CHECK(threads > 1000);
}

TEST_CASE("What a process may do to itself it may do to no other, and change no limit") {
  const FilterMachine machine(false);
  Random random(5);
  CHECK(machine.Allows(SYS_tgkill, {cage::kSelfPid, 7, SIGUSR1}));
  CHECK(machine.Allows(SYS_prlimit64, {0, 7, 0, 1}));
  for (int i = 0; i < 2000; ++i) {
    const std::uint64_t other = random.Bits() >> random.Below(64);
    if (other != cage::kSelfPid) CHECK_FALSE(machine.Allows(SYS_tgkill, {other, 7, SIGUSR1}));
    if (other != 0) {
      CHECK_FALSE(machine.Allows(SYS_prlimit64, {other, 7, 0, 1}));
      CHECK_FALSE(machine.Allows(SYS_prlimit64, {0, 7, other, 1}));
    }
    const bool harmless =
        other == PR_SET_NAME || other == PR_GET_NAME || other == PR_GET_TID_ADDRESS;
    CHECK(machine.Allows(SYS_prctl, {other, 1, 1, 1, 1}) == harmless);
  }
  for (const int command : {F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_SETFL}) {
    CHECK(machine.Allows(SYS_fcntl, {1, static_cast<std::uint64_t>(command)}));
  }
  for (const int command : {F_SETOWN, F_SETSIG, F_SETLEASE, F_NOTIFY, F_SETLK, F_ADD_SEALS}) {
    CHECK_FALSE(machine.Allows(SYS_fcntl, {1, static_cast<std::uint64_t>(command)}));
  }
  CHECK(machine.Allows(SYS_ioctl, {1, TCGETS}));
  for (const std::uint64_t request : {std::uint64_t{TIOCSTI}, std::uint64_t{TIOCLINUX},
                                      TIOCSTI | std::uint64_t{1} << 32, std::uint64_t{TCSETS}}) {
    CHECK_FALSE(machine.Allows(SYS_ioctl, {0, request}));
  }
}

TEST_CASE("Threads of one process meet on a futex, and nobody else") {
  const FilterMachine machine(false);
  constexpr std::uint64_t kPrivate = 128, kClock = 256;
  for (std::uint64_t operation = 0; operation < 16; ++operation) {
    CHECK(machine.Allows(SYS_futex, {1, operation | kPrivate}));
    // A thread waits for another's end, of which the kernel itself tells.
    const bool waits = operation == 0 || operation == 9;
    CHECK(machine.Allows(SYS_futex, {1, operation}) == waits);
    CHECK(machine.Allows(SYS_futex, {1, operation | kClock}) == waits);
  }
  CHECK(machine.Allows(SYS_getpriority, {0, 0}));
  CHECK_FALSE(machine.Allows(SYS_getpriority, {0, 1}));
}

namespace {

// Runs `body` in a child behind the filter, which is loaded as the cage does it: with the process's
// own number in the place that waits for it. What waitpid says of the child's end.
int RunBehind(bool writes_confined, const std::function<int()>& body) {
  std::vector<sock_filter> program = Instructions(writes_confined);
  const pid_t child = ::fork();
  if (child == 0) {
    for (sock_filter& step : program) {
      if (BPF_CLASS(step.code) == BPF_JMP && step.k == cage::kSelfPid) {
        step.k = static_cast<std::uint32_t>(::getpid());
      }
    }
    const sock_fprog loaded{static_cast<unsigned short>(program.size()), program.data()};
    const bool behind = ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
                        ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &loaded) == 0;
    ::_exit(behind ? body() : 99);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return status;
}

int ErrnoOf(long result) { return result == -1 ? errno : 0; }

void* DoNothing(void* nothing) { return nothing; }

}  // namespace

TEST_CASE("Loaded into a process, the filter does what it says") {
  struct Try {
    const char* what;
    std::function<long()> call;
    int expected;  // errno, 0: it works.
  };
  char* const argv[] = {const_cast<char*>("true"), nullptr};
  char* const envp[] = {nullptr};
  const std::vector<Try> tries = {
      {"getpid", [] { return ::syscall(SYS_getpid); }, 0},
      {"open for reading", [] { return ::syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY); },
       0},
      {"open for writing", [] { return ::syscall(SYS_openat, AT_FDCWD, "/dev/null", O_WRONLY); },
       EPERM},
      {"create",
       [] { return ::syscall(SYS_openat, AT_FDCWD, "/tmp/gradus-filter", O_CREAT | O_RDWR, 0600); },
       EPERM},
      {"socket", [] { return ::syscall(SYS_socket, AF_INET, SOCK_STREAM, 0); }, EPERM},
      {"socketpair", [] { return ::syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, nullptr); },
       EPERM},
      {"ptrace", [] { return ::syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0); }, EPERM},
      {"execve", [&] { return ::syscall(SYS_execve, "/bin/true", argv, envp); }, EPERM},
      {"fork", [] { return ::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0, 0); }, EPERM},
      {"clone3", [] { return ::syscall(SYS_clone3, nullptr, 0); }, ENOSYS},
      {"signal to the parent", [] { return ::syscall(SYS_kill, ::getppid(), 0); }, EPERM},
      {"signal to itself",
       [] { return ::syscall(SYS_tgkill, ::getpid(), ::syscall(SYS_gettid), 0); }, 0},
      {"signal to another thread group",
       [] { return ::syscall(SYS_tgkill, ::getppid(), ::getppid(), 0); }, EPERM},
      {"read a limit", [] { return ::syscall(SYS_prlimit64, 0, 0, nullptr, nullptr); }, 0},
      {"memfd", [] { return ::syscall(SYS_memfd_create, "x", 0); }, EPERM},
      {"another filter", [] { return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, 0); },
       EPERM},
      {"a thread",
       [] {
         pthread_t thread;
         errno = ::pthread_create(&thread, nullptr, DoNothing, nullptr);
         return errno != 0 ? -1L : static_cast<long>(::pthread_join(thread, nullptr));
       },
       0},
  };
  for (std::size_t i = 0; i < tries.size(); ++i) {
    CAPTURE(std::string(tries[i].what));
    const int status = RunBehind(false, [&] { return ErrnoOf(tries[i].call()); });
    REQUIRE(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == tries[i].expected);
  }
  // What Landlock would decide about is left to it.
  const auto open_for_writing = [] {
    return ErrnoOf(::syscall(SYS_openat, AT_FDCWD, "/dev/null", O_WRONLY));
  };
  CHECK(RunBehind(true, open_for_writing) == 0);
}

#ifdef __x86_64__
TEST_CASE("A call of another architecture ends a process behind the filter") {
  const auto of_i386 = [] {
    long result = 20;  // getpid
    asm volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
    return 0;
  };
  const int old = RunBehind(false, of_i386);
  REQUIRE(WIFSIGNALED(old));
  // A kernel without 32-bit calls does not come as far as the filter.
  CHECK((WTERMSIG(old) == SIGSYS || WTERMSIG(old) == SIGSEGV));
  const int x32 =
      RunBehind(false, [] { return ErrnoOf(::syscall(0x40000000 | SYS_getpid)) == 0 ? 0 : 1; });
  CHECK_FALSE((WIFEXITED(x32) && WEXITSTATUS(x32) == 0));
}
#endif

}  // namespace gradus
