#pragma once
#include <cstdint>
#include <string>

namespace gradus {

// What a filter allows beyond computing.
struct FilterRules {
  bool writes_confined = false;  // Landlock decides which files are written; else none may be
                                 // opened for writing.
  bool may_serve = false;        // The calls of a kept job that forks others, each only with
  std::uint64_t magic = 0;  // `magic` as its sixth argument: an ordinary fork() is refused alike.
};

// A seccomp allow-list for programs in Python, as the bytes of its BPF instructions. Everything
// that is not listed fails with EPERM (ENOSYS where the C library then uses an older call); calls
// of another architecture end the process. The process's own number stands in it as cage::kSelfPid.
std::string MakeSeccompFilter(const FilterRules& rules);

// The same for a program of any kind, which may start threads and other programs.
struct ProgramRules {
  bool writes_confined = false;  // Landlock, or a read-only root, decides which files are written.
  bool own_pids = false;         // It may send signals: none leaves its PID name space.
};
std::string MakeProgramFilter(const ProgramRules& rules);

}  // namespace gradus
