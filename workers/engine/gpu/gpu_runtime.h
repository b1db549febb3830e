#pragma once
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

namespace gradus {

// A sequence of kernels, recorded once and launched as one.
class GpuGraph {
 public:
  virtual ~GpuGraph() = default;
  virtual void Replay() = 0;
};

struct GpuMemory {
  std::size_t free = 0, total = 0;  // Bytes.
};

// What tensor operations alone cannot do on a GPU. The one implementation is a library of its own
// (gpu/), loaded on machines with a GPU alone: libtorch_cuda takes a second to map.
class GpuRuntime {
 public:
  virtual ~GpuRuntime() = default;
  // The calling thread's device and, from now on, its stream. Cheap when repeated.
  virtual void Use() = 0;
  virtual int device() const = 0;
  virtual GpuMemory Memory() = 0;
  // Runs `body` a few times, then records it. Tensors that it makes stay at their places.
  virtual std::unique_ptr<GpuGraph> Record(const std::function<void()>& body) = 0;
};

// The GPU of this rank, or none and why not. The device is the rank's number on its host, as Open
// MPI or Slurm tells it, modulo the number of devices.
std::unique_ptr<GpuRuntime> OpenGpu(std::string& why_not);

}  // namespace gradus
