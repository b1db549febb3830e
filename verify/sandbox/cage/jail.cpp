#include "verify/sandbox/cage/jail.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>

namespace gradus::cage {
namespace {

constexpr char kHostName[] = "gradus";
constexpr const char* kStage = "/tmp";  // Covered by the new root while it is being built.

bool SamePrefix(const char* path, const char* folder) {
  const std::size_t size = std::strlen(folder);
  return std::strncmp(path, folder, size) == 0 && (path[size] == '/' || path[size] == '\0');
}

// mkdir -p for the parents of `path`, which is below kStage.
bool MakeParents(const char* path) {
  char part[640];
  std::snprintf(part, sizeof part, "%s", path);
  for (char* slash = std::strchr(part + std::strlen(kStage) + 1, '/'); slash != nullptr;
       slash = std::strchr(slash + 1, '/')) {
    *slash = '\0';
    if (::mkdir(part, 0755) != 0 && errno != EEXIST) return false;
    *slash = '/';
  }
  return true;
}

// Flags that a mount in a user namespace must keep.
unsigned long LockedFlags(const char* path) {
  struct statvfs info {};
  if (::statvfs(path, &info) != 0) return 0;
  unsigned long flags = 0;
  if (info.f_flag & ST_NOSUID) flags |= MS_NOSUID;
  if (info.f_flag & ST_NODEV) flags |= MS_NODEV;
  if (info.f_flag & ST_NOEXEC) flags |= MS_NOEXEC;
  if (info.f_flag & ST_NOATIME) flags |= MS_NOATIME;
  if (info.f_flag & ST_RELATIME) flags |= MS_RELATIME;
  return flags;
}

// Recursively where the kernel can (5.12), else the top mount.
bool MakeReadOnly(const char* path) {
  struct {
    std::uint64_t set, clear, propagation, userns;
  } attributes{0x00000001 /* MOUNT_ATTR_RDONLY */ | 0x00000002 /* MOUNT_ATTR_NOSUID */, 0, 0, 0};
  constexpr int kMountSetattr = 442, kRecursive = 0x8000;
  if (::syscall(kMountSetattr, AT_FDCWD, path, kRecursive, &attributes, sizeof attributes) == 0) {
    return true;
  }
  const unsigned long flags = LockedFlags(path) | MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID;
  return ::mount(nullptr, path, nullptr, flags, nullptr) == 0;
}

bool Bind(int fd, const char* path, Reason& reason) {
  char source[64], target[640];
  std::snprintf(source, sizeof source, "/proc/self/fd/%d", fd);
  std::snprintf(target, sizeof target, "%s%s", kStage, path);
  if (!MakeParents(target)) return reason.Failed("making a folder of the new root");
  struct stat info {};
  if (::fstat(fd, &info) != 0) return reason.Failed("fstat of a root");
  if (S_ISLNK(info.st_mode)) {
    char text[512];
    const ssize_t size = ::readlinkat(fd, "", text, sizeof text - 1);
    if (size < 0) return reason.Failed("reading a link");
    text[size] = '\0';
    return ::symlink(text, target) == 0 || reason.Failed("making a link");
  }
  if (S_ISDIR(info.st_mode)) {
    if (::mkdir(target, 0755) != 0 && errno != EEXIST) return reason.Failed("making a folder");
  } else {
    const int file = ::open(target, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (file < 0) return reason.Failed("making a file");
    ::close(file);
  }
  if (::mount(source, target, nullptr, MS_BIND | MS_REC, nullptr) != 0) {
    return reason.Failed("bind mount");
  }
  // Devices stay writable: /dev/null is where programs throw things.
  return S_ISCHR(info.st_mode) || MakeReadOnly(target) || reason.Failed("read-only mount");
}

bool MapUser(unsigned uid, unsigned gid, Reason& reason) {
  char map[64];
  if (!WriteText("/proc/self/setgroups", "deny") && errno != ENOENT) {
    return reason.Failed("setgroups of the user namespace");
  }
  std::snprintf(map, sizeof map, "%u %u 1", uid, uid);
  if (!WriteText("/proc/self/uid_map", map)) return reason.Failed("uid_map");
  std::snprintf(map, sizeof map, "%u %u 1", gid, gid);
  return WriteText("/proc/self/gid_map", map) || reason.Failed("gid_map");
}

bool MakeRoot(const Roots& roots, Reason& reason) {
  int fds[Roots::kMax];
  for (int i = 0; i < roots.count(); ++i) {
    fds[i] = ::open(roots.path(i), O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fds[i] < 0) return reason.Failed(roots.path(i));
  }
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return reason.Failed("private mounts");
  }
  if (::mount("gradus", kStage, "tmpfs", MS_NOSUID | MS_NODEV, "size=256k,mode=755") != 0) {
    return reason.Failed("mounting tmpfs");
  }
  for (int i = 0; i < roots.count(); ++i) {
    if (!Bind(fds[i], roots.path(i), reason)) return false;
    ::close(fds[i]);
  }
  // The old root ends up below the new one and is let go from there.
  if (::chdir(kStage) != 0 || ::syscall(SYS_pivot_root, ".", ".") != 0) {
    return reason.Failed("pivot_root");
  }
  if (::umount2(".", MNT_DETACH) != 0 || ::chdir("/") != 0)
    return reason.Failed("leaving the host");
  if (::mount(nullptr, "/", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV,
              nullptr) != 0) {
    return reason.Failed("read-only root");
  }
  return true;
}

}  // namespace

bool Roots::Covered(const char* path) const {
  for (int i = 0; i < count_; ++i) {
    struct stat info {};
    if (std::strcmp(path, paths_[i]) == 0) return true;
    // What a link points to is another place.
    if (SamePrefix(path, paths_[i]) && ::lstat(paths_[i], &info) == 0 && !S_ISLNK(info.st_mode)) {
      return true;
    }
  }
  return false;
}

bool Roots::Add(const char* text) {
  while (*text != '\0') {
    if (count_ == kMax) return false;
    const char* end = std::strchr(text, '\n');
    const std::size_t size = end ? static_cast<std::size_t>(end - text) : std::strlen(text);
    char* path = paths_[count_];
    struct stat info {};
    if (size > 1 && size < sizeof paths_[0]) {
      std::memcpy(path, text, size);
      path[size] = '\0';
      if (path[0] == '/' && ::lstat(path, &info) == 0 && !Covered(path)) ++count_;
    }
    text += size + (end ? 1 : 0);
  }
  return true;
}

namespace {

bool HasCapability(int number) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  if (::syscall(SYS_capget, &header, data) != 0) return false;
  return (data[number / 32].effective >> (number % 32)) & 1;
}

}  // namespace

bool HasSysAdmin() { return HasCapability(CAP_SYS_ADMIN); }

bool MayChangeUser() { return HasCapability(CAP_SETUID) && HasCapability(CAP_SETGID); }

bool EnterJail(const Roots& roots, bool new_user, Reason& reason) {
  const auto uid = static_cast<unsigned>(::syscall(SYS_geteuid));
  const auto gid = static_cast<unsigned>(::syscall(SYS_getegid));
  int spaces = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWPID;
  if (new_user) spaces |= CLONE_NEWUSER;
  if (::unshare(spaces) != 0) {
    return reason.Failed(new_user ? "making a user namespace" : "making namespaces");
  }
  if (new_user && !MapUser(uid, gid, reason)) return false;
  if (::sethostname(kHostName, sizeof kHostName - 1) != 0) return reason.Failed("host name");
  return MakeRoot(roots, reason);
}

}  // namespace gradus::cage
