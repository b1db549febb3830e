#include "verify/sandbox/cage/visible_paths.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace gradus::cage {
namespace {

const Roots* visible = nullptr;

bool IsAtOrBelow(const char* path, const char* folder) {
  const std::size_t size = std::strlen(folder);
  return std::strncmp(path, folder, size) == 0 && (path[size] == '/' || path[size] == '\0');
}

// `path` from the root on, without "." and "..", into `out`; false when it does not fit.
bool Normalize(const char* path, char (&out)[PATH_MAX]) {
  std::size_t size = 0;
  if (path[0] != '/') {
    if (::syscall(SYS_getcwd, out, sizeof out) < 0) return false;
    size = std::strcmp(out, "/") == 0 ? 0 : std::strlen(out);
  }
  for (const char* part = path; *part != '\0';) {
    while (*part == '/') ++part;
    const std::size_t length = std::strcspn(part, "/");
    if (length == 2 && part[0] == '.' && part[1] == '.') {
      while (size > 0 && out[--size] != '/') {
      }
    } else if (length > 0 && !(length == 1 && part[0] == '.')) {
      if (size + 1 + length + 1 > sizeof out) return false;
      out[size++] = '/';
      std::memcpy(out + size, part, length);
      size += length;
    }
    part += length;
  }
  if (size == 0) out[size++] = '/';
  out[size] = '\0';
  return true;
}

// Sets errno where it is true. What lies in an open folder was seen when that was opened.
bool Hidden(int folder, const char* path) {
  if (!visible || !path || (path[0] != '/' && folder != AT_FDCWD)) return false;
  char full[PATH_MAX];
  if (Normalize(path, full)) {
    if (std::strcmp(full, "/") == 0) return false;
    for (int i = 0; i < visible->count(); ++i) {
      const char* root = visible->path(i);
      if (IsAtOrBelow(full, root) || IsAtOrBelow(root, full)) return false;
    }
  }
  errno = ENOENT;
  return true;
}

int Open(int folder, const char* path, int flags, mode_t mode) {
  if (Hidden(folder, path)) return -1;
  return static_cast<int>(::syscall(SYS_openat, folder, path, flags, mode));
}

int Look(int folder, const char* path, void* info, int flags) {
  if (Hidden(folder, path)) return -1;
  return static_cast<int>(::syscall(SYS_newfstatat, folder, path, info, flags));
}

mode_t ModeOf(int flags, va_list more) {
  return (flags & (O_CREAT | __O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
}

}  // namespace

void ShowOnly(const Roots& roots) { visible = &roots; }

}  // namespace gradus::cage

using namespace gradus::cage;

extern "C" {
#pragma GCC visibility push(default)

#define GRADUS_OPEN(name)                      \
  int name(const char* path, int flags, ...) { \
    va_list more;                              \
    va_start(more, flags);                     \
    const mode_t mode = ModeOf(flags, more);   \
    va_end(more);                              \
    return Open(AT_FDCWD, path, flags, mode);  \
  }
GRADUS_OPEN(open)
GRADUS_OPEN(open64)
#undef GRADUS_OPEN

int stat(const char* path, struct stat* info) noexcept { return Look(AT_FDCWD, path, info, 0); }
int stat64(const char* path, struct stat64* info) noexcept { return Look(AT_FDCWD, path, info, 0); }
int lstat(const char* path, struct stat* info) noexcept {
  return Look(AT_FDCWD, path, info, AT_SYMLINK_NOFOLLOW);
}
int lstat64(const char* path, struct stat64* info) noexcept {
  return Look(AT_FDCWD, path, info, AT_SYMLINK_NOFOLLOW);
}
int fstatat(int folder, const char* path, struct stat* info, int flags) noexcept {
  return Look(folder, path, info, flags);
}
int fstatat64(int folder, const char* path, struct stat64* info, int flags) noexcept {
  return Look(folder, path, info, flags);
}
int access(const char* path, int mode) noexcept {
  if (Hidden(AT_FDCWD, path)) return -1;
  return static_cast<int>(::syscall(SYS_faccessat, AT_FDCWD, path, mode));
}
ssize_t readlink(const char* path, char* text, size_t size) noexcept {
  if (Hidden(AT_FDCWD, path)) return -1;
  return ::syscall(SYS_readlinkat, AT_FDCWD, path, text, size);
}
int chdir(const char* path) noexcept {
  if (Hidden(AT_FDCWD, path)) return -1;
  return static_cast<int>(::syscall(SYS_chdir, path));
}
DIR* opendir(const char* path) {
  static const auto real = reinterpret_cast<DIR* (*)(const char*)>(::dlsym(RTLD_NEXT, "opendir"));
  return Hidden(AT_FDCWD, path) ? nullptr : real(path);
}

#pragma GCC visibility pop
}
