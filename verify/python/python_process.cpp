#include "verify/python/python_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <sstream>

#include "schemas/base/error.h"
#include "schemas/base/file.h"

namespace gradus {

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

std::string RunPlainPython(const std::string& text) {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) Fail("pipe: {}", std::strerror(errno));
  const Fd reader(fds[0]);
  Fd writer(fds[1]);
  std::string python = FindPython(), option = "-c", program = text;
  char* const arguments[] = {python.data(), option.data(), program.data(), nullptr};
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, writer.get(), 1);
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, python.c_str(), &actions, nullptr, arguments, environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) Fail("cannot start {}: {}", python, std::strerror(error));
  writer.Reset();
  std::string output;
  char buffer[4096];
  for (ssize_t size; (size = ::read(reader.get(), buffer, sizeof buffer)) != 0;) {
    if (size > 0) output.append(buffer, static_cast<std::size_t>(size));
    if (size < 0 && errno != EINTR) break;
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (status != 0) Fail("python3 -c ended with status {}", status);
  return output;
}

}  // namespace gradus
