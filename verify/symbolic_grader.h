#pragma once
#include <functional>
#include <string>

#include "verify/answers/grader.h"
#include "verify/python/python_executor.h"

namespace gradus {

// How long algebra may take for one pair.
inline ExecLimits AlgebraLimits() { return {.wall_s = 5, .cpu_s = 4, .mem_mb = 1024, .out_kb = 4}; }

// Runs the program that a native judgement left; a program that fails or runs out of time leaves
// the answer unverifiable.
void DecideByAlgebra(Executor& executor, std::string program, std::function<void(Judgement)> done);

}  // namespace gradus
