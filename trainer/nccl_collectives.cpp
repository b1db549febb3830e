#include <cuda_runtime_api.h>
#include <nccl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>
#include <span>
#include <string>
#include <thread>
#include <utility>

#include "schemas/base/bytes.h"
#include "schemas/base/error.h"
#include "schemas/base/handle.h"
#include "schemas/base/log.h"
#include "trainer/collectives.h"
#include "trainer/tree_sum.h"

namespace gradus {
namespace {

enum Tag : std::uint32_t { kHostName = 11, kWelcome = 12 };
constexpr auto kPollInterval = std::chrono::microseconds(100);

void CheckCuda(cudaError_t status, const char* what) {
  if (status != cudaSuccess) Fail("CUDA: {} failed: {}", what, cudaGetErrorString(status));
}

struct StreamTraits {
  using Type = cudaStream_t;
  static Type Null() { return nullptr; }
  static void Close(Type stream) noexcept { cudaStreamDestroy(stream); }
};

struct DeviceMemoryTraits {
  using Type = void*;
  static Type Null() { return nullptr; }
  static void Close(Type memory) noexcept { cudaFree(memory); }
};

// Abort, not destroy: it also ends operations whose peer is gone. Orderly ends finish their work
// before.
struct CommTraits {
  using Type = ncclComm_t;
  static Type Null() { return nullptr; }
  static void Close(Type comm) noexcept { ncclCommAbort(comm); }
};

int UsableDevices() {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess || count == 0) {
    Fail(
        "NCCL collectives need a GPU and none is usable ({}): train with the host collectives "
        "instead",
        status == cudaSuccess ? "no device" : cudaGetErrorString(status));
  }
  return count;
}

std::string HostName() {
  char name[256] = {};
  gethostname(name, sizeof(name) - 1);
  return name;
}

// What rank 0 tells each member: the communicator's id, and which of its host's GPUs is its own.
struct Welcome {
  ncclUniqueId id;
  int device = 0;
};

// Ranks on one host take its GPUs in rank order.
Welcome Meet(PeerLink& link, double deadline_s) {
  Welcome welcome{};
  if (link.rank() != 0) {
    link.Send(0, kHostName, HostName());
    const std::string bytes = link.Receive(0, kWelcome, deadline_s);
    return ByteReader(bytes).Get<Welcome>();
  }
  const ncclResult_t status = ncclGetUniqueId(&welcome.id);
  if (status != ncclSuccess) Fail("NCCL: no unique id: {}", ncclGetErrorString(status));
  std::map<std::string, int> taken{{HostName(), 1}};
  for (int member = 1; member < link.size(); ++member) {
    Welcome answer = welcome;
    answer.device = taken[link.Receive(member, kHostName, deadline_s)]++;
    link.Send(member, kWelcome, ByteWriter().Put(answer).Take());
  }
  return welcome;
}

// The same tree as on the host, with partial sums travelling from GPU to GPU. The additions are
// done on the host, where the leaves are: no kernels of our own, and the same bits as the host
// collectives.
class NcclCollectives final : public Collectives {
 public:
  NcclCollectives(PeerLink& link, double deadline_s)
      : link_(link), deadline_s_(deadline_s), control_(MakeHostCollectives(link, deadline_s)) {
    const int devices = UsableDevices();
    const Welcome welcome = Meet(link, deadline_s);
    device_ = welcome.device;
    if (device_ >= devices) {
      Fail("NCCL wants one GPU per rank: rank {} is number {} on {}, which shows {} GPUs",
           link.rank(), device_ + 1, HostName(), devices);
    }
    UseDevice();
    cudaStream_t stream = nullptr;
    CheckCuda(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "creating a stream");
    stream_ = Handle<StreamTraits>(stream);
    Connect(welcome.id);
  }

  int rank() const override { return link_.rank(); }
  int size() const override { return link_.size(); }

  void TreeSum(std::vector<std::vector<float>>& local, int leaves,
               std::vector<float>& sum) override {
    UseDevice();
    ReduceOverTree(local, leaves, rank(), size(),
                   {[this](int to, std::span<const float> partial) { SendPartial(to, partial); },
                    [this](int from, std::span<float> into) { AddPartial(from, into); }});
    if (rank() == 0) sum.swap(local[0]);
    std::vector<char> length(sizeof(std::uint64_t));
    const std::uint64_t count = sum.size();
    std::memcpy(length.data(), &count, sizeof(count));
    control_->Broadcast(length, 0);
    std::uint64_t agreed = 0;
    std::memcpy(&agreed, length.data(), sizeof(agreed));
    sum.resize(agreed);
    SpreadSum(sum);
  }

  // Small and rare: over the host.
  void Broadcast(std::vector<char>& bytes, int root) override { control_->Broadcast(bytes, root); }
  void Barrier() override { control_->Barrier(); }

 private:
  void UseDevice() { CheckCuda(cudaSetDevice(device_), "choosing the device"); }

  void Connect(const ncclUniqueId& id) {
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    config.blocking = 0;
    ncclComm_t comm = nullptr;
    const ncclResult_t status = ncclCommInitRankConfig(&comm, size(), id, rank(), &config);
    comm_ = Handle<CommTraits>(comm);
    Settle(status, "joining the group");
  }

  // Waits until a non-blocking call has been taken up.
  void Settle(ncclResult_t status, const std::string& what) {
    const double end = MonotonicSeconds() + deadline_s_;
    while (status == ncclInProgress) {
      if (MonotonicSeconds() > end) Abandon(what, "deadline passed");
      std::this_thread::sleep_for(kPollInterval);
      if (ncclCommGetAsyncError(comm_.get(), &status) != ncclSuccess)
        Abandon(what, "communicator lost");
    }
    if (status != ncclSuccess) Abandon(what, ncclGetErrorString(status));
  }

  // Waits for the stream, watching the communicator: a dead peer shows as its error, a silent one
  // as the deadline.
  void Finish(const std::string& what) {
    const double end = MonotonicSeconds() + deadline_s_;
    cudaError_t status;
    while ((status = cudaStreamQuery(stream_.get())) == cudaErrorNotReady) {
      ncclResult_t health = ncclSuccess;
      if (ncclCommGetAsyncError(comm_.get(), &health) != ncclSuccess ||
          (health != ncclSuccess && health != ncclInProgress)) {
        Abandon(what, ncclGetErrorString(health));
      }
      if (MonotonicSeconds() > end) Abandon(what, "deadline passed");
      std::this_thread::sleep_for(kPollInterval);
    }
    CheckCuda(status, what.c_str());
  }

  [[noreturn]] void Abandon(const std::string& what, const char* reason) {
    comm_.Reset();
    throw Error(fmt::format("training rank {} lost its group while {}: {}", rank(), what, reason),
                ExitCode::kTrainersLost);
  }

  float* Staging(std::size_t floats) {
    if (floats > staging_floats_) {
      memory_.Reset();
      void* memory = nullptr;
      CheckCuda(cudaMalloc(&memory, floats * sizeof(float)), "allocating the staging buffer");
      memory_ = Handle<DeviceMemoryTraits>(memory);
      staging_floats_ = floats;
    }
    return static_cast<float*>(memory_.get());
  }

  void Upload(std::span<const float> values) {
    CheckCuda(cudaMemcpyAsync(Staging(values.size()), values.data(), values.size_bytes(),
                              cudaMemcpyHostToDevice, stream_.get()),
              "copying to the device");
  }

  void Download(std::span<float> values) {
    CheckCuda(cudaMemcpyAsync(values.data(), memory_.get(), values.size_bytes(),
                              cudaMemcpyDeviceToHost, stream_.get()),
              "copying from the device");
  }

  void SendPartial(int to, std::span<const float> partial) {
    const std::string what = fmt::format("sending a gradient to rank {}", to);
    Upload(partial);
    Settle(ncclSend(memory_.get(), partial.size(), ncclFloat, to, comm_.get(), stream_.get()),
           what);
    Finish(what);
  }

  void AddPartial(int from, std::span<float> into) {
    const std::string what = fmt::format("waiting for a gradient of rank {}", from);
    arrived_.resize(into.size());
    Settle(ncclRecv(Staging(into.size()), into.size(), ncclFloat, from, comm_.get(), stream_.get()),
           what);
    // The copy waits for the receive in the stream; its status is looked at before the data is.
    Finish(what);
    Download(arrived_);
    Finish(what);
    for (std::size_t i = 0; i < into.size(); ++i) into[i] += arrived_[i];
  }

  void SpreadSum(std::vector<float>& sum) {
    const std::string what = "spreading the gradient sum of rank 0";
    float* memory = Staging(sum.size());
    if (rank() == 0) Upload(sum);
    Settle(ncclBroadcast(memory, memory, sum.size(), ncclFloat, 0, comm_.get(), stream_.get()),
           what);
    Finish(what);
    if (rank() != 0) {
      Download(sum);
      Finish(what);
    }
  }

  PeerLink& link_;
  double deadline_s_;
  std::unique_ptr<Collectives> control_;
  int device_ = 0;
  std::vector<float> arrived_;
  std::size_t staging_floats_ = 0;
  // Destroyed in reverse: first the communicator, then the stream and memory it may still use.
  Handle<DeviceMemoryTraits> memory_;
  Handle<StreamTraits> stream_;
  Handle<CommTraits> comm_;
};

}  // namespace

std::unique_ptr<Collectives> MakeNcclCollectives(PeerLink& link, double deadline_s) {
  return std::make_unique<NcclCollectives>(link, deadline_s);
}

}  // namespace gradus
