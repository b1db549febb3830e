#pragma once
#include <string>

namespace gradus {

// A seccomp allow-list for programs in Python, as the bytes of its BPF instructions. Everything
// that is not listed fails with EPERM (ENOSYS where the C library then uses an older call); calls
// of another architecture end the process. The process's own number stands in it as cage::kSelfPid.
// `writes_confined`: Landlock decides which files are written; else none may be opened for writing.
std::string MakeSeccompFilter(bool writes_confined);

// The same for a program of any kind, which may start threads and other programs.
struct ProgramRules {
  bool writes_confined = false;  // Landlock, or a read-only root, decides which files are written.
  bool own_pids = false;         // It may send signals: none leaves its PID name space.
};
std::string MakeProgramFilter(const ProgramRules& rules);

}  // namespace gradus
