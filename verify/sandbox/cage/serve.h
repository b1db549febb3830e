#pragma once
#include "verify/sandbox/cage/lockdown.h"

namespace gradus::cage {

// Serves requests from `control` until it is closed, which ends this process. Returns only in the
// process of a new job, confined, with its request. `kept`: this process is itself a kept job.
Request Serve(const Bars& bars, int control, bool kept);

}  // namespace gradus::cage
