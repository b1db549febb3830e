#pragma once
#include "trainer/options.h"

namespace gradus {

// Floating-point operations per second that this rank could do at most: of `device` (-1: one core,
// measured once per process in about 0.15 s) in the type that training computes in. 0: unknown.
double ComputeBound(int device, Precision precision);

}  // namespace gradus
