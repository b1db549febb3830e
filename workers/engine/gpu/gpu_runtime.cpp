#include "workers/engine/gpu/gpu_runtime.h"

#include <dlfcn.h>

#include <cstdlib>

#include "schemas/base/library.h"
#include "workers/engine/gpu/varlen_attention.h"

namespace gradus {
namespace {

// Devices that the driver shows; 0 with a reason.
int CountDevices(std::string& why_not) {
  const Library driver(::dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL));
  if (!driver) {
    why_not = "no GPU driver (libcuda.so.1)";
    return 0;
  }
  const auto init = reinterpret_cast<int (*)(unsigned)>(::dlsym(driver.get(), "cuInit"));
  const auto count = reinterpret_cast<int (*)(int*)>(::dlsym(driver.get(), "cuDeviceGetCount"));
  int devices = 0;
  if (!init || !count || init(0) != 0 || count(&devices) != 0 || devices == 0) {
    why_not = "the GPU driver shows no device";
    return 0;
  }
  return devices;
}

int RankOnHost() {
  for (const char* name : {"OMPI_COMM_WORLD_LOCAL_RANK", "SLURM_LOCALID"}) {
    if (const char* value = std::getenv(name)) return std::atoi(value);
  }
  return 0;
}

}  // namespace

std::unique_ptr<GpuRuntime> OpenGpu(std::string& why_not) {
  const int devices = CountDevices(why_not);
  if (devices == 0) return nullptr;
  // Never unloaded: libtorch keeps pointers into it.
  void* library = ::dlopen("libgradus_gpu.so", RTLD_NOW | RTLD_GLOBAL);
  if (!library) {
    why_not = std::string("cannot load the GPU library: ") + ::dlerror();
    return nullptr;
  }
  using Maker = GpuRuntime*(int device);
  const auto make = reinterpret_cast<Maker*>(::dlsym(library, "GradusMakeGpuRuntime"));
  why_not = make ? FlashAttentionShortfall() : "the GPU library is of another version";
  if (!why_not.empty()) return nullptr;
  std::unique_ptr<GpuRuntime> runtime(make(RankOnHost() % devices));
  if (!runtime) why_not = "libtorch cannot use the GPU: is the driver for CUDA 13 or newer?";
  return runtime;
}

}  // namespace gradus
