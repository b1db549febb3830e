#include <dlfcn.h>
#include <fmt/format.h>

#include "orchestrator/health/health.h"
#include "schemas/base/library.h"
#include "workers/compute/gpu_peak.h"

namespace gradus {
namespace {

template <class Function>
Function* Symbol(const Library& library, const char* name) {
  return reinterpret_cast<Function*>(::dlsym(library.get(), name));
}

// Version numbers of CUDA and NCCL: major · 1000 + minor · 10, and major · 10000 + minor · 100 +
// patch.
constexpr int kCudaNeeded = 13000;

Finding NoGpu(const std::string& why) {
  return {"gpu", Health::kNote, why,
          "models run on the CPU in float32; for a GPU install its driver"};
}

Finding Gpus() {
  const Library driver(::dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL));
  if (!driver) return NoGpu("no driver (libcuda.so.1)");
  const auto init = Symbol<int(unsigned)>(driver, "cuInit");
  const auto version = Symbol<int(int*)>(driver, "cuDriverGetVersion");
  const auto count = Symbol<int(int*)>(driver, "cuDeviceGetCount");
  const auto memory = Symbol<int(std::size_t*, int)>(driver, "cuDeviceTotalMem_v2");
  if (!init || !version || !count || !memory) return NoGpu("a driver without the usual functions");
  int devices = 0, cuda = 0;
  if (const int error = init(0); error != 0)
    return NoGpu(fmt::format("the driver reports error {}", error));
  if (count(&devices) != 0 || devices == 0) return NoGpu("a driver, but no device");
  version(&cuda);
  std::size_t bytes = 0;
  memory(&bytes, 0);
  Finding finding{
      "gpu", Health::kOk,
      fmt::format("{} × {}, {:.0f} GiB, driver for CUDA {}.{}", devices, GpuName(0),
                  static_cast<double>(bytes) / (1 << 30), cuda / 1000, cuda % 1000 / 10),
      ""};
  if (cuda < kCudaNeeded) {
    finding.health = Health::kShort;
    finding.advice =
        "the CUDA libraries of this build are of version 13: update the driver, or the CPU is used";
  }
  return finding;
}

Finding Nccl() {
  const Library library(::dlopen("libnccl.so.2", RTLD_NOW | RTLD_LOCAL));
  const auto version = library ? Symbol<int(int*)>(library, "ncclGetVersion") : nullptr;
  int number = 0;
  if (version == nullptr || version(&number) != 0) {
    return {"nccl", Health::kShort, "not found", "training on GPUs needs it: run scripts/setup.sh"};
  }
  return {"nccl", Health::kOk,
          fmt::format("{}.{}.{}", number / 10000, number % 10000 / 100, number % 100), ""};
}

}  // namespace

std::vector<Finding> CheckGpus() { return {Gpus(), Nccl()}; }

}  // namespace gradus
