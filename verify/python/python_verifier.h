#pragma once
#include <memory>

#include "verify/answers/grader.h"
#include "verify/python/python_executor.h"
#include "verify/verifier.h"

namespace gradus {

// Steps are Python, run by the confined interpreters; answers are judged by the grader, with
// algebra in the sandbox where it needs some.
std::unique_ptr<Verifier> MakePythonVerifier(asio::io_context& io, const ExecutorOptions& options,
                                             GraderMode grader);

}  // namespace gradus
