// Functions of the C library that would tell a program which machine, slot or run it is in, or give
// it chance. The interpreter and its packages find these first, so that the same program prints the
// same everywhere. A program that makes system calls by itself sees the machine; what the filter
// allows there, it may know.
#include <dlfcn.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstring>

namespace {

// splitmix64 from a fixed start: a fork goes on from where its parent was.
std::uint64_t chance = 0;

unsigned char NextByte() {
  static std::uint64_t word = 0;
  static int left = 0;
  if (left == 0) {
    chance += 0x9E3779B97F4A7C15u;
    word = chance;
    word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9u;
    word = (word ^ (word >> 27)) * 0x94D049BB133111EBu;
    word ^= word >> 31;
    left = 8;
  }
  const auto byte = static_cast<unsigned char>(word);
  word >>= 8;
  --left;
  return byte;
}

constexpr unsigned kNobody = 65534;
constexpr char kName[] = "gradus";

}  // namespace

extern "C" {
#pragma GCC visibility push(default)

ssize_t getrandom(void* bytes, size_t size, unsigned) {
  for (size_t i = 0; i < size; ++i) static_cast<unsigned char*>(bytes)[i] = NextByte();
  return static_cast<ssize_t>(size);
}

int getentropy(void* bytes, size_t size) {
  getrandom(bytes, size, 0);
  return 0;
}

pid_t getpid() noexcept { return 2; }
pid_t getppid() noexcept { return 0; }
uid_t getuid() noexcept { return kNobody; }
uid_t geteuid() noexcept { return kNobody; }
gid_t getgid() noexcept { return kNobody; }
gid_t getegid() noexcept { return kNobody; }
int getgroups(int, gid_t*) noexcept { return 0; }

int gethostname(char* name, size_t size) noexcept {
  std::snprintf(name, size, "%s", kName);
  return 0;
}

int uname(utsname* names) noexcept {
  std::memset(names, 0, sizeof *names);
  std::strcpy(names->sysname, "Linux");
  std::strcpy(names->nodename, kName);
#if defined(__x86_64__)
  std::strcpy(names->machine, "x86_64");
#else
  std::strcpy(names->machine, "aarch64");
#endif
  return 0;
}

int sched_getaffinity(pid_t, size_t size, cpu_set_t* set) noexcept {
  std::memset(set, 0, size);
  reinterpret_cast<unsigned char*>(set)[0] = 1;
  return 0;
}

int get_nprocs() noexcept { return 1; }

long sysconf(int name) noexcept {
  if (name == _SC_NPROCESSORS_ONLN || name == _SC_NPROCESSORS_CONF) return 1;
  static const auto real = reinterpret_cast<long (*)(int)>(::dlsym(RTLD_NEXT, "sysconf"));
  return real(name);
}

#pragma GCC visibility pop
}
