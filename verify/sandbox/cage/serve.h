#pragma once
#include "verify/sandbox/cage/lockdown.h"

namespace gradus::cage {

// Descriptors of a new job as they came with its request.
struct JobFds {
  int program = -1, output = -1;
};

// Serves requests from kControlFd until it is closed, which ends this process. Returns only in the
// process of a new job, which is not confined yet.
Request Serve(const Bars& bars, JobFds& fds);

}  // namespace gradus::cage
