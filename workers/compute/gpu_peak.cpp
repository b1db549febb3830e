#include "workers/compute/gpu_peak.h"

#include <dlfcn.h>

#include "schemas/base/library.h"

namespace gradus {
namespace {

struct Gpu {
  std::string_view name;  // Part of it; the first entry that fits counts.
  double bf16, fp32;      // 10¹² operations per second; fp32 without TF32.
};

// NVIDIA's data sheets, without sparsity. "H100 PCIe" and "H100 NVL" stand before the SXM boards,
// whose names end with their memory.
constexpr Gpu kGpus[] = {
    {"B200", 2250, 75},          {"H200", 989, 67},       {"GH200", 989, 67},
    {"H100 PCIe", 756, 51},      {"H100 NVL", 835, 60},   {"H100", 989, 67},
    {"H800", 989, 67},           {"A100", 312, 19.5},     {"A800", 312, 19.5},
    {"L40S", 362, 91.6},         {"L40", 181, 90.5},      {"L4", 121, 30.3},
    {"A40", 149.7, 37.4},        {"A10", 125, 31.2},      {"A30", 165, 10.3},
    {"RTX 6000 Ada", 364, 91.1}, {"RTX 4090", 165, 82.6}, {"RTX 3090", 71, 35.6},
};

}  // namespace

std::string GpuName(int device) {
  const Library driver(::dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL));
  if (!driver) return {};
  const auto init = reinterpret_cast<int (*)(unsigned)>(::dlsym(driver.get(), "cuInit"));
  const auto name =
      reinterpret_cast<int (*)(char*, int, int)>(::dlsym(driver.get(), "cuDeviceGetName"));
  char text[256] = "";
  if (!init || !name || init(0) != 0 || name(text, sizeof(text), device) != 0) return {};
  return text;
}

double GpuPeakFlops(std::string_view name, bool bf16) {
  for (const Gpu& gpu : kGpus) {
    if (name.find(gpu.name) != std::string_view::npos) return (bf16 ? gpu.bf16 : gpu.fp32) * 1e12;
  }
  return 0;
}

}  // namespace gradus
