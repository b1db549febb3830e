#pragma once
#include <nlohmann/json.hpp>

#include "verify/python/python_executor.h"

namespace gradus {

// How fast programs run here, all ways in one go: short programs and short sympy programs through
// the executor, the same by `python3 -c` and by exec in one warm unisolated process, and a tree of
// sympy steps run sibling by sibling and by re-execution of every prefix. Programs per second of
// wall clock with `slots` slots; `scale` 1 takes about half a minute.
nlohmann::ordered_json BenchSandbox(const ExecutorOptions& options, double scale);

}  // namespace gradus
