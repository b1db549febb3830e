#include "verify/sandbox/cage/filter.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace gradus::cage {

bool Filters::Read(const Setup& setup, Reason& reason) {
  for (int i = 0; i < kFilters; ++i) {
    const std::size_t bytes = setup.filter_instructions[i] * sizeof(sock_filter);
    if (setup.filter_instructions[i] == 0 || setup.filter_instructions[i] > kMaxInstructions) {
      errno = EINVAL;
      return reason.Failed("seccomp program");
    }
    void* memory =
        ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED ||
        ::pread(kSetupFd, memory, bytes, setup.filter_at[i]) != static_cast<ssize_t>(bytes)) {
      return reason.Failed("reading a seccomp program");
    }
    programs_[i] = static_cast<sock_filter*>(memory);
    sizes_[i] = setup.filter_instructions[i];
  }
  return true;
}

bool Filters::Enter(bool landlock, bool own_pids) const {
  const int index = 2 * landlock + own_pids;
  sock_filter* program = programs_[index];
  // This is a private copy of the pages: the warm interpreter's stays as it is.
  const auto self = static_cast<std::uint32_t>(::syscall(SYS_getpid));
  for (std::uint32_t i = 0; i < sizes_[index]; ++i) {
    if (BPF_CLASS(program[i].code) == BPF_JMP && program[i].k == kSelfPid) program[i].k = self;
  }
  const sock_fprog loaded{static_cast<unsigned short>(sizes_[index]), program};
  return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &loaded) == 0;
}

}  // namespace gradus::cage
