#pragma once
#include "verify/sandbox/cage/system.h"

namespace gradus::cage {

// The folders and files that programs may read: the interpreter, its packages, the C library.
// Newline-separated in Python's order; kept as O_PATH descriptors, so that they can be bound after
// the old file system has been covered.
class Roots {
 public:
  static constexpr int kMax = 128;
  // Adds each path that exists; those below an added one are skipped. False when there are too
  // many.
  bool Add(const char* newline_separated);
  int count() const { return count_; }
  const char* path(int i) const { return paths_[i]; }

 private:
  bool Covered(const char* path) const;
  char paths_[kMax][512];
  int count_ = 0;
};

// Leaves the host: new PID, mount, network, IPC and host-name spaces (in a new user namespace when
// not privileged), and a read-only root that holds nothing but `roots`. For the whole slot, once;
// this process itself stays out of the PID name space, of which its next child is the first
// process.
bool EnterJail(const Roots& roots, bool new_user, Reason& reason);

// True when this process may make namespaces without a user namespace.
bool HasSysAdmin();
// True when it may give its children to another user.
bool MayChangeUser();

}  // namespace gradus::cage
