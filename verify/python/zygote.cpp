#include "verify/python/zygote.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "schemas/base/error.h"
#include "verify/python/python_process.h"
#include "verify/sandbox/cage/cage.h"
#include "verify/sandbox/memory_file.h"
#include "verify/sandbox/seccomp_filter.h"

namespace gradus {
namespace {

constexpr int kFarewellMs = 200;  // For an interpreter to end its programs and itself when asked.
constexpr std::uint32_t kTasks = 512;
constexpr std::size_t kInstructionBytes = 8;
// No user of a distribution or of systemd has these numbers; programs that share one are still
// apart by everything else.
constexpr std::uint32_t kFirstUid = 65520, kUids = 14;

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

std::string SetupBytes(const ZygoteOptions& options) {
  cage::Setup setup;
  setup.levels = options.levels;
  setup.uid = options.uid;
  setup.tasks = kTasks;
  if (::getrandom(&setup.magic, sizeof setup.magic, 0) != sizeof setup.magic) {
    Fail("getrandom: {}", std::strerror(errno));
  }
  Require(options.group_files.size() <= cage::kGroupFiles, "too many control groups");
  for (std::size_t i = 0; i < options.group_files.size(); ++i) {
    const std::string& file = options.group_files[i];
    Require(file.size() < sizeof setup.group_files[i], "a control group's path is too long");
    std::memcpy(setup.group_files[i], file.c_str(), file.size() + 1);
  }
  std::string filters;
  for (int i = 0; i < cage::kFilters; ++i) {
    const std::string filter = MakeSeccompFilter({i / 2 == 1, i % 2 == 1, setup.magic});
    setup.filter_at[i] = static_cast<std::uint32_t>(sizeof setup + filters.size());
    setup.filter_instructions[i] = static_cast<std::uint32_t>(filter.size() / kInstructionBytes);
    filters += filter;
  }
  return std::string(reinterpret_cast<const char*>(&setup), sizeof setup) + filters;
}

struct Launch {
  const char* python;
  char* const* argv;
  char* const* environment;
  int control, setup, library, null;
  pid_t parent;
};

// Runs between vfork and exec: system calls only, and nothing of the parent's memory is changed.
[[noreturn]] void Exec(const Launch& launch) {
  ::setsid();
  // Survives exec. What programs orphan becomes the interpreter's child, so that it can end it.
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != launch.parent) ::_exit(1);
  // First above the target numbers, then down onto them: no source is overwritten before its turn.
  const int null = ::fcntl(launch.null, F_DUPFD, 10);
  const int control = ::fcntl(launch.control, F_DUPFD, 10);
  const int setup = ::fcntl(launch.setup, F_DUPFD, 10);
  const int library = ::fcntl(launch.library, F_DUPFD, 10);
  for (int fd : {0, 1, 2}) ::dup2(null, fd);
  ::dup2(control, cage::kControlFd);
  ::dup2(setup, cage::kSetupFd);
  ::dup2(library, cage::kLibraryFd);
  if (::syscall(SYS_close_range, cage::kLibraryFd + 1, UINT_MAX, 0) != 0) {
    for (int fd = cage::kLibraryFd + 1; fd < 65536; ++fd) ::close(fd);  // Before Linux 5.9.
  }
  const rlimit core{0, 0};
  ::setrlimit(RLIMIT_CORE, &core);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::execve(launch.python, launch.argv, launch.environment);
  ::_exit(127);
}

// vfork: the parent may hold gigabytes and pinned memory that a fork would have to map again.
pid_t Spawn(const Launch& launch) {
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = ::vfork();
  if (pid == 0) Exec(launch);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) Fail("cannot start python3: {}", std::strerror(errno));
  return pid;
}

// Nothing of this process's own: it may hold secrets.
std::vector<std::string> CleanEnvironment() {
  std::vector<std::string> environment = {
      "PATH=/usr/bin:/bin",     "LANG=C.UTF-8",      "PYTHONUTF8=1",
      "PYTHONHASHSEED=0",       "PYTHONSAFEPATH=1",  "PYTHONDONTWRITEBYTECODE=1",
      "OPENBLAS_NUM_THREADS=1", "OMP_NUM_THREADS=1", "MKL_NUM_THREADS=1",
      "HOME=/nonexistent",      "MPLBACKEND=Agg"};
  // An interpreter from a cluster's modules finds its libraries by it.
  if (const char* libraries = std::getenv("LD_LIBRARY_PATH")) {
    environment.push_back(std::string("LD_LIBRARY_PATH=") + libraries);
  }
  return environment;
}

}  // namespace

std::uint32_t UserOfSlot(int slot) {
  return ::geteuid() == 0 ? kFirstUid + static_cast<std::uint32_t>(slot) % kUids : 0;
}

Zygote::Zygote(const ZygoteOptions& options) {
  int sockets[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0) {
    Fail("cannot make a socket pair: {}", std::strerror(errno));
  }
  control_ = Fd(sockets[0]);
  const Fd theirs(sockets[1]);
  ::fcntl(control_.get(), F_SETFL, O_NONBLOCK);
  watch_ = Fd(::fcntl(control_.get(), F_DUPFD_CLOEXEC, 0));
  const Fd setup = MemoryFile("gradus-setup", SetupBytes(options));
  const Fd library = MemoryFile("gradus-cage", CageImage());
  const Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!watch_ || !null || !setup || !library)
    Fail("cannot prepare a python slot: {}", std::strerror(errno));

  const std::string python = FindPython();
  std::vector<std::string> arguments = {python, "-s", "-c", ZygoteSource()};
  arguments.insert(arguments.end(), options.preload.begin(), options.preload.end());
  std::vector<std::string> environment = CleanEnvironment();
  const auto argv = Pointers(arguments), envp = Pointers(environment);
  pid_ = Spawn({python.c_str(), argv.data(), envp.data(), theirs.get(), setup.get(), library.get(),
                null.get(), ::getpid()});
}

Zygote::~Zygote() {
  ::shutdown(watch_.get(), SHUT_WR);  // It ends its programs and leaves.
  ::kill(pid_, SIGTERM);              // Also while it is still warming up,
  ::kill(pid_, SIGCONT);              // or when a program at L0 has stopped it.
  pollfd end{watch_.get(), 0, 0};     // Reports a hang-up only.
  ::poll(&end, 1, kFarewellMs);
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace gradus
