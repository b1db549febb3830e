#pragma once
#include "verify/sandbox/cage/cage.h"
#include "verify/sandbox/cage/system.h"

struct sock_filter;

namespace gradus::cage {

// The seccomp programs that the supervisor wrote behind the Setup, ready to be loaded.
class Filters {
 public:
  bool Read(const Setup& setup, Reason& reason);
  // Loads one for good. REQUIRES no_new_privs.
  bool Enter(bool landlock, bool own_pids) const;

 private:
  static constexpr int kMaxInstructions = 4096;
  sock_filter* programs_[kFilters] = {};
  std::uint32_t sizes_[kFilters] = {};
};

}  // namespace gradus::cage
