#include "verify/sandbox/cage/system.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <initializer_list>

namespace gradus::cage {

void Reason::Add(const char* text) {
  const std::size_t used = std::strlen(text_);
  if (used + 1 < size_) std::snprintf(text_ + used, size_ - used, "%s", text);
}

bool Reason::Failed(const char* what) {
  const int error = errno;
  Add(what);
  Add(": ");
  Add(std::strerror(error));
  return false;
}

bool WriteText(const char* path, const char* text) {
  const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const ssize_t size = static_cast<ssize_t>(std::strlen(text));
  const bool done = ::write(fd, text, static_cast<std::size_t>(size)) == size;
  const int error = errno;
  ::close(fd);
  errno = error;
  return done;
}

void BlockSignals(void (*handler)(int), sigset_t* waiting) {
  struct sigaction action {};
  action.sa_handler = handler;
  sigset_t mine;
  ::sigemptyset(&mine);
  for (int signal : {SIGCHLD, SIGTERM}) {
    ::sigaction(signal, &action, nullptr);
    ::sigaddset(&mine, signal);
  }
  ::sigprocmask(SIG_BLOCK, &mine, waiting);
  for (int signal : {SIGCHLD, SIGTERM}) ::sigdelset(waiting, signal);
}

void Decimal(char* out, unsigned long long value) { std::snprintf(out, 24, "%llu", value); }

}  // namespace gradus::cage
