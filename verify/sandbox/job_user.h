#pragma once
#include <cstdint>

#include "schemas/base/file.h"

namespace gradus {

// A user of the host's that the programs of one slot run as, and nobody else meanwhile: no other
// slot, rank or run shares its limits or may signal its processes. Only where this process may give
// processes to other users, else the user is 0: ours.
class JobUser {
 public:
  // Throws Error when all are taken.
  JobUser();
  std::uint32_t uid() const { return uid_; }

 private:
  std::uint32_t uid_ = 0;
  Fd claim_;  // A socket whose name is the user's: given up by the kernel when this process ends.
};

}  // namespace gradus
