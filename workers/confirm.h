#pragma once
#include <asio/awaitable.hpp>

#include "schemas/problem.h"
#include "schemas/tree.h"
#include "verify/python/python_executor.h"
#include "verify/verifier.h"
#include "workers/environments/environment.h"

namespace gradus {

// What a search saw step by step is not yet a label: has the verifier run the states that every
// correct trajectory of a finished tree rests on again, each whole and from a clean start. A
// trajectory whose states do not end and show as they did in the search becomes unverifiable
// ("recheck-differs"). Throws Error when the verifier is broken.
asio::awaitable<void> Confirm(Tree& tree, Verifier& verifier, const ExecLimits& limits,
                              const Environment& environment, const Problem& problem);

}  // namespace gradus
