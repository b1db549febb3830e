#pragma once
#include <asio/io_context.hpp>

#include "verify/python/python_executor.h"

namespace gradus {

// Runs a small set of programs whose results are known, in both ways, with what isolation must
// refuse among them. Blocks, driving `io`, for some tens of milliseconds. Throws Error naming the
// first program that ended otherwise: an executor that fails here must not label anything.
void CheckGoldenPrograms(asio::io_context& io, Executor& executor);

}  // namespace gradus
