#include "trainer/cost/compute_bound.h"

#include "workers/compute/gpu_peak.h"
#include "workers/compute/machine_bounds.h"

namespace gradus {

double ComputeBound(int device, Precision precision) {
  if (device >= 0) return GpuPeakFlops(GpuName(device), precision == Precision::kBf16);
  static const double of_core = MeasureFlops();
  return of_core;
}

}  // namespace gradus
