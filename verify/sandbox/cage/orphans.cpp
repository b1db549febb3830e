#include "verify/sandbox/cage/orphans.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace gradus::cage {
namespace {

constexpr int kSweeps = 1000;

long ParentOf(const char* pid) {
  char path[64], text[512] = {};
  std::snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  const ssize_t size = ::read(fd, text, sizeof text - 1);
  ::close(fd);
  // The command's name, in parentheses, may hold anything.
  const char* after = size > 0 ? std::strrchr(text, ')') : nullptr;
  return after && std::strlen(after) > 4 ? std::strtol(after + 4, nullptr, 10) : -1;
}

void KillChildren() {
  DIR* folder = ::opendir("/proc");
  if (!folder) return;
  while (const dirent* entry = ::readdir(folder)) {
    if (entry->d_name[0] < '0' || entry->d_name[0] > '9') continue;
    if (ParentOf(entry->d_name) != ::syscall(SYS_getpid)) continue;
    const auto pid = static_cast<pid_t>(std::strtol(entry->d_name, nullptr, 10));
    ::kill(pid, SIGKILL);
    ::kill(-pid, SIGKILL);
  }
  ::closedir(folder);
}

}  // namespace

bool EndOrphans() {
  for (int sweep = 0; sweep < kSweeps; ++sweep) {
    const pid_t pid = ::waitpid(-1, nullptr, WNOHANG);
    if (pid > 0) continue;
    if (pid < 0) return true;  // No children at all.
    KillChildren();
    ::waitpid(-1, nullptr, 0);
  }
  return false;
}

}  // namespace gradus::cage
