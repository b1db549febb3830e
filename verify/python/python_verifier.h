#pragma once
#include <memory>

#include "verify/answers/grader.h"
#include "verify/python/python_executor.h"
#include "verify/verifier.h"

namespace gradus {

// Python programs, and answers judged by the grader. A state's steps run in one namespace, after
// its context. Judges answer goals only: "goal-not-judged" for others. Throws Error when the
// interpreters cannot be started as `options` asks.
std::unique_ptr<Verifier> MakePythonVerifier(asio::io_context& io, const ExecutorOptions& options,
                                             GraderMode mode);

// How a program's outcome counts.
End EndOf(Outcome outcome);

}  // namespace gradus
