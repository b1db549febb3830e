#include "workers/compute/gpu_peak.h"

#include <doctest/doctest.h>

namespace gradus {
namespace {

TEST_CASE("A GPU's peak follows from what the driver calls it, and is unknown for a strange one") {
  CHECK(GpuPeakFlops("NVIDIA H100 80GB HBM3", true) == 989e12);
  CHECK(GpuPeakFlops("NVIDIA H100 PCIe", true) == 756e12);
  CHECK(GpuPeakFlops("NVIDIA H200", true) == 989e12);
  CHECK(GpuPeakFlops("NVIDIA GH200 480GB", true) == 989e12);
  CHECK(GpuPeakFlops("NVIDIA A100-SXM4-80GB", false) == 19.5e12);
  CHECK(GpuPeakFlops("NVIDIA L40S", true) == 362e12);
  CHECK(GpuPeakFlops("NVIDIA L4", true) == 121e12);
  CHECK(GpuPeakFlops("NVIDIA A10", true) == 125e12);
  CHECK(GpuPeakFlops("A graphics card", true) == 0);
  CHECK(GpuPeakFlops("", true) == 0);
}

}  // namespace
}  // namespace gradus
