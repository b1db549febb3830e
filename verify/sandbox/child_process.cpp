#include "verify/sandbox/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/personality.h>
#include <sys/prctl.h>
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
#include <sstream>

#include "schemas/base/error.h"

namespace gradus {
namespace {

constexpr int kFarewellMs = 200;  // For a process to end its programs and itself when asked.
constexpr int kMostDescriptors = 8;

std::vector<char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

struct Launch {
  const char* program;
  char* const* argv;
  char* const* environment;
  const int* descriptors;
  int count;
  bool fixed_addresses;
  pid_t parent;
};

// Runs between vfork and exec: system calls only, and nothing of the parent's memory is changed.
[[noreturn]] void Exec(const Launch& launch) {
  ::setsid();
  // Survives exec. What programs orphan becomes this process's child, so that it can end it.
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != launch.parent) ::_exit(1);
  // First above the target numbers, then down onto them: no source is overwritten before its turn.
  int high[kMostDescriptors];
  for (int i = 0; i < launch.count; ++i) {
    high[i] = ::fcntl(launch.descriptors[i], F_DUPFD, kMostDescriptors);
  }
  for (int i = 0; i < launch.count; ++i) ::dup2(high[i], i);
  if (::syscall(SYS_close_range, launch.count, UINT_MAX, 0) != 0) {
    for (int fd = launch.count; fd < 65536; ++fd) ::close(fd);  // Before Linux 5.9.
  }
  if (launch.fixed_addresses) ::personality(ADDR_NO_RANDOMIZE);
  const rlimit core{0, 0};
  ::setrlimit(RLIMIT_CORE, &core);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::execve(launch.program, launch.argv, launch.environment);
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
  if (pid < 0) Fail("cannot start {}: {}", launch.argv[0], std::strerror(errno));
  return pid;
}

// A program from a cluster's modules finds its libraries by it. Folders that are named from the
// working directory, the empty name among them, depend on where gradus was started.
std::string LibraryFolders() {
  const char* text = std::getenv("LD_LIBRARY_PATH");
  std::istringstream folders(text ? text : "");
  std::string absolute;
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (folder.starts_with('/')) absolute += (absolute.empty() ? "" : ":") + folder;
  }
  return absolute;
}

}  // namespace

std::vector<std::string> CleanEnvironment() {
  std::vector<std::string> environment = {
      "PATH=/usr/bin:/bin", "LANG=C.UTF-8",           "PYTHONUTF8=1",
      "PYTHONHASHSEED=0",   "PYTHONSAFEPATH=1",       "PYTHONDONTWRITEBYTECODE=1",
      "OMP_NUM_THREADS=1",  "OPENBLAS_NUM_THREADS=1", "MKL_NUM_THREADS=1",
      "HOME=/nonexistent",  "MPLBACKEND=Agg"};
  const std::string libraries = LibraryFolders();
  if (!libraries.empty()) environment.push_back("LD_LIBRARY_PATH=" + libraries);
  return environment;
}

ChildProcess::ChildProcess(const ChildOptions& options, const Fd& control)
    : watch_(::fcntl(control.get(), F_DUPFD_CLOEXEC, 0)) {
  Require(options.descriptors.size() <= kMostDescriptors, "too many descriptors for a child");
  if (!watch_) Fail("cannot watch a child: {}", std::strerror(errno));
  const auto argv = Pointers(options.arguments), environment = Pointers(options.environment);
  pid_ =
      Spawn({options.program.c_str(), argv.data(), environment.data(), options.descriptors.data(),
             static_cast<int>(options.descriptors.size()), options.fixed_addresses, ::getpid()});
}

ChildProcess::~ChildProcess() {
  ::shutdown(watch_.get(), SHUT_WR);  // It ends its programs and leaves.
  ::kill(pid_, SIGTERM);              // Also while it is still starting,
  ::kill(pid_, SIGCONT);              // or when a program at L0 has stopped it.
  pollfd end{watch_.get(), 0, 0};     // Reports a hang-up only.
  ::poll(&end, 1, kFarewellMs);
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace gradus
