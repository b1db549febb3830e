#pragma once
#include "verify/sandbox/cage/jail.h"

namespace gradus::cage {

// From now on the C library's functions of paths find nothing outside of `roots`, as if nothing
// else were there: what an empty root is from L2 on. Landlock refuses reading, but not to look at
// names, sizes and times, and it says so where a jail has nothing. A program that makes system
// calls by itself still sees those. `roots` must outlive the process.
void ShowOnly(const Roots& roots);

}  // namespace gradus::cage
