#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>

#include "workers/engine/gpu/gpu_runtime.h"

// A library of its own: all that gradus takes from libtorch_cuda by name.
namespace gradus {
namespace {

class CudaGraph final : public GpuGraph {
 public:
  CudaGraph(const std::function<void()>& body, at::MempoolId_t pool) {
    // Another engine may use the device meanwhile: only this thread's calls are watched.
    graph_.capture_begin(pool, cudaStreamCaptureModeThreadLocal);
    body();
    graph_.capture_end();
  }
  void Replay() override { graph_.replay(); }

 private:
  at::cuda::CUDAGraph graph_;
};

class CudaRuntime final : public GpuRuntime {
 public:
  explicit CudaRuntime(int device)
      : device_(static_cast<c10::DeviceIndex>(device)),
        stream_(c10::cuda::getStreamFromPool(false, device_)),
        pool_(at::cuda::graph_pool_handle()) {}

  void Use() override {
    c10::cuda::set_device(device_);
    c10::cuda::setCurrentCUDAStream(stream_);
  }
  int device() const override { return device_; }
  GpuMemory Memory() override {
    Use();
    GpuMemory memory;
    C10_CUDA_CHECK(cudaMemGetInfo(&memory.free, &memory.total));
    return memory;
  }
  std::unique_ptr<GpuGraph> Record(const std::function<void()>& body) override {
    constexpr int kWarmUps = 3;  // cuBLAS and the allocator settle.
    for (int i = 0; i < kWarmUps; ++i) body();
    stream_.synchronize();
    return std::make_unique<CudaGraph>(body, pool_);
  }

 private:
  c10::DeviceIndex device_;
  c10::cuda::CUDAStream stream_;  // Capture is forbidden on the default one.
  at::MempoolId_t pool_;          // Shared by all graphs of an engine: they never run at once.
};

}  // namespace
}  // namespace gradus

extern "C" gradus::GpuRuntime* GradusMakeGpuRuntime(int device) {
  if (c10::cuda::device_count() <= device) return nullptr;
  return new gradus::CudaRuntime(device);
}
