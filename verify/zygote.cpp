#include "verify/zygote.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <sstream>

#include "schemas/base/error.h"

namespace gradus {
namespace {

constexpr int kControl = 3, kBoard = 4;  // Descriptor numbers inside the zygote.
constexpr rlim_t kOpenFiles = 64;
constexpr int kFarewellMs = 200;  // For a zygote to end its child and itself when asked.

// The system's interpreter first: a virtual environment on PATH seldom has the packages.
std::string FindPython() {
  const char* path = std::getenv("PATH");
  std::istringstream folders(std::string("/usr/bin:") + (path ? path : ""));
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::string file = folder + "/python3";
    if (!folder.empty() && ::access(file.c_str(), X_OK) == 0) return file;
  }
  Fail("no python3 in /usr/bin or on PATH: install it (Debian: apt-get install python3)");
}

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

struct Launch {
  const char* python;
  char* const* argv;
  char* const* environment;
  int control, board, null;
  pid_t parent;
};

// Runs between vfork and exec: system calls only, and nothing of the parent's memory is changed.
[[noreturn]] void Exec(const Launch& launch) {
  ::setsid();
  // Survives exec. Orphans of jobs become the zygote's children, so that it can end them.
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != launch.parent) ::_exit(1);
  // First above the target numbers, then down onto them: no source is overwritten before its turn.
  const int null = ::fcntl(launch.null, F_DUPFD, 10);
  const int control = ::fcntl(launch.control, F_DUPFD, 10);
  const int board = ::fcntl(launch.board, F_DUPFD, 10);
  for (int fd : {0, 1, 2}) ::dup2(null, fd);
  ::dup2(control, kControl);
  ::dup2(board, kBoard);
  ::syscall(SYS_close_range, kBoard + 1, UINT_MAX, 0);
  const rlimit files{kOpenFiles, kOpenFiles}, core{0, 0};
  ::setrlimit(RLIMIT_NOFILE, &files);
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

}  // namespace

Zygote::Zygote(const std::vector<std::string>& preload) {
  int sockets[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0) {
    Fail("cannot make a socket pair: {}", std::strerror(errno));
  }
  control_ = Fd(sockets[0]);
  const Fd theirs(sockets[1]);
  ::fcntl(control_.get(), F_SETFL, O_NONBLOCK);
  board_ = Fd(::memfd_create("gradus-board", MFD_CLOEXEC));
  const Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!board_ || !null) Fail("cannot prepare a python slot: {}", std::strerror(errno));

  const std::string python = FindPython();
  std::vector<std::string> arguments = {python, "-s", "-c", ZygoteSource()};
  arguments.insert(arguments.end(), preload.begin(), preload.end());
  std::vector<std::string> environment = {
      "PATH=/usr/bin:/bin",     "LANG=C.UTF-8",      "PYTHONUTF8=1",
      "PYTHONHASHSEED=0",       "PYTHONSAFEPATH=1",  "PYTHONDONTWRITEBYTECODE=1",
      "OPENBLAS_NUM_THREADS=1", "OMP_NUM_THREADS=1", "MKL_NUM_THREADS=1",
      "HOME=/nonexistent",      "MPLBACKEND=Agg"};
  const auto argv = Pointers(arguments), envp = Pointers(environment);
  pid_ = Spawn({python.c_str(), argv.data(), envp.data(), theirs.get(), board_.get(), null.get(),
                ::getpid()});
}

Zygote::~Zygote() {
  ::kill(pid_, SIGTERM);
  ::kill(pid_, SIGCONT);             // A job may have stopped it.
  pollfd end{control_.get(), 0, 0};  // Reports a hang-up only.
  ::poll(&end, 1, kFarewellMs);
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  std::int64_t child = 0;
  if (::pread(board_.get(), &child, sizeof child, 0) == sizeof child && child > 1) {
    ::kill(static_cast<pid_t>(-child), SIGKILL);
    ::kill(static_cast<pid_t>(child), SIGKILL);
  }
}

bool Zygote::Send(const ZygoteJob& job) {
  const int fds[3] = {job.program, job.output, job.result};
  alignas(cmsghdr) char space[CMSG_SPACE(sizeof fds)] = {};
  iovec part{const_cast<char*>(job.header.data()), job.header.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = space;
  message.msg_controllen = sizeof space;
  cmsghdr* rights = CMSG_FIRSTHDR(&message);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof fds);
  std::memcpy(CMSG_DATA(rights), fds, sizeof fds);
  ssize_t sent;
  do {
    sent = ::sendmsg(control_.get(), &message, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent == static_cast<ssize_t>(job.header.size());
}

std::optional<std::string> Zygote::Receive() {
  char buffer[8192];
  ssize_t size;
  do {
    size = ::recv(control_.get(), buffer, sizeof buffer, 0);
  } while (size < 0 && errno == EINTR);
  if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return std::nullopt;
  return std::string(buffer, static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
}

void Zygote::KillChild() { ::kill(pid_, SIGUSR1); }

void Zygote::Hangup() { ::shutdown(control_.get(), SHUT_RDWR); }

}  // namespace gradus
