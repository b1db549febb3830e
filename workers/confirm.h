#pragma once
#include <asio/awaitable.hpp>

#include "schemas/problem.h"
#include "schemas/tree.h"
#include "verify/python/python_executor.h"
#include "workers/environments/python_steps.h"

namespace gradus {

// What a search saw step by step is not yet a label: runs the code of every correct trajectory of a
// finished tree again, each block whole and from a clean start. A trajectory whose blocks do not
// end and print as they did in the search becomes unverifiable ("recheck-differs").
asio::awaitable<void> Confirm(Tree& tree, Executor& executor, const ExecLimits& limits,
                              const EnvironmentOptions& environment, AnswerRule rule,
                              const Problem& problem);

}  // namespace gradus
