#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <utility>

#include "schemas/base/bytes.h"
#include "schemas/base/error.h"
#include "schemas/base/log.h"
#include "trainer/nccl_api.h"
#include "trainer/partial_sums.h"
#include "trainer/train.h"

namespace gradus {
namespace {

enum Tag : std::uint32_t { kHostName = 11, kWelcome = 12, kAlive = 13 };
constexpr auto kPollInterval = std::chrono::microseconds(100);
constexpr cudaStream_t kComputeStream = nullptr;  // Torch computes on the default stream.

void CheckCuda(cudaError_t status, const char* what) {
  if (status != cudaSuccess) Fail("CUDA: {} failed: {}", what, cudaGetErrorString(status));
}

int UsableDevices(const NcclApi& api) {
  int count = 0;
  const cudaError_t status = api.GetDeviceCount(&count);
  if (status != cudaSuccess || count == 0) {
    Fail(
        "NCCL collectives need a GPU and none is usable ({}): train with the host collectives "
        "instead",
        status == cudaSuccess ? "no device" : cudaGetErrorString(status));
  }
  return count;
}

std::string HostName() {
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  return name.data();
}

// What rank 0 tells each member: the communicator's id, and which of its host's GPUs is its own.
struct Welcome {
  ncclUniqueId id;
  int device = 0;
};

// Ranks on one host take its GPUs in rank order.
Welcome Meet(PeerLink& link, const NcclApi& api, double deadline_s) {
  Welcome welcome{};
  if (link.rank() != 0) {
    link.Send(0, kHostName, HostName());
    const std::string bytes = link.Receive(0, kWelcome, deadline_s);
    return ByteReader(bytes).Get<Welcome>();
  }
  const ncclResult_t status = api.GetUniqueId(&welcome.id);
  if (status != ncclSuccess) Fail("NCCL: no unique id: {}", ncclGetErrorString(status));
  std::map<std::string, int> taken{{HostName(), 1}};
  for (int member = 1; member < link.size(); ++member) {
    Welcome answer = welcome;
    answer.device = taken[link.Receive(member, kHostName, deadline_s)]++;
    link.Send(member, kWelcome, ByteWriter().Put(answer).Take());
  }
  return welcome;
}

ncclDataType_t TypeOf(const at::Tensor& tensor) {
  if (tensor.scalar_type() == at::kBFloat16) return ncclBfloat16;
  Require(tensor.scalar_type() == at::kFloat, "NCCL collectives take fp32 and bf16");
  return ncclFloat;
}

char* Address(const at::Tensor& tensor, std::size_t value) {
  return static_cast<char*>(tensor.mutable_data_ptr()) + value * tensor.element_size();
}

// A communicator, its stream and the watch over both. Operations are queued on the stream; whoever
// waits for it polls the communicator's health and the clock, and aborts it when either says so: a
// dead peer shows as an error, a silent one as the deadline.
class NcclChannel {
 public:
  NcclChannel(PeerLink& link, const NcclOptions& options, const NcclApi& api)
      : link_(link), options_(options), api_(api) {
    const int devices = UsableDevices(api_);
    const Welcome welcome = Meet(link, api_, options.deadline_s);
    device_ = welcome.device;
    if (device_ >= devices) {
      Fail("NCCL wants one GPU per rank: rank {} is number {} on {}, which shows {} GPUs",
           link.rank(), device_ + 1, HostName(), devices);
    }
    UseDevice();
    CheckCuda(api_.StreamCreate(&stream_, cudaStreamNonBlocking), "creating a stream");
    CheckCuda(api_.EventCreate(&ready_, cudaEventDisableTiming), "creating an event");
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    config.blocking = 0;
    Settle(api_.CommInitRankConfig(&comm_, link.size(), welcome.id, link.rank(), &config),
           "joining the group");
  }
  ~NcclChannel() {
    // Abort, not destroy: it also ends operations whose peer is gone. Orderly ends finish their
    // work before.
    Abort();
    if (ready_ != nullptr) api_.EventDestroy(ready_);
    if (stream_ != nullptr) api_.StreamDestroy(stream_);
  }
  NcclChannel(const NcclChannel&) = delete;

  int device() const { return device_; }
  // Any thread that calls CUDA chooses its device first: backward runs on threads of its own.
  void UseDevice() { CheckCuda(api_.SetDevice(device_), "choosing the device"); }

  // Queues what `calls` queues on (comm, stream), behind all that was computed so far.
  void Launch(const std::string& what,
              const std::function<void(const std::function<void(ncclResult_t)>& check)>& calls) {
    UseDevice();
    if (comm_ == nullptr) Abandon(what, "the group was given up before");
    CheckCuda(api_.EventRecord(ready_, kComputeStream), "marking the computed");
    CheckCuda(api_.StreamWaitEvent(stream_, ready_, 0), "waiting for the computed");
    Settle(api_.GroupStart(), what);
    calls([&](ncclResult_t status) {
      if (status != ncclSuccess && status != ncclInProgress)
        Abandon(what, ncclGetErrorString(status));
    });
    Settle(api_.GroupEnd(), what);
  }

  // Until all that was queued is done.
  void Wait(const std::string& what) {
    UseDevice();
    const double end = MonotonicSeconds() + options_.deadline_s;
    cudaError_t status;
    while ((status = api_.StreamQuery(stream_)) == cudaErrorNotReady) {
      ncclResult_t health = ncclSuccess;
      const ncclResult_t asked = api_.CommGetAsyncError(comm_, &health);
      if (asked != ncclSuccess) Abandon(what, ncclGetErrorString(asked));
      if (health != ncclSuccess && health != ncclInProgress)
        Abandon(what, ncclGetErrorString(health));
      if (MonotonicSeconds() > end)
        Abandon(what, fmt::format("nothing for {} s", options_.deadline_s));
      std::this_thread::sleep_for(kPollInterval);
    }
    CheckCuda(status, what.c_str());
  }

  ncclComm_t comm() const { return comm_; }
  cudaStream_t stream() const { return stream_; }

 private:
  // Waits until a non-blocking call has been taken up.
  void Settle(ncclResult_t status, const std::string& what) {
    const double end = MonotonicSeconds() + options_.deadline_s;
    while (status == ncclInProgress) {
      if (MonotonicSeconds() > end)
        Abandon(what, fmt::format("nothing for {} s", options_.deadline_s));
      std::this_thread::sleep_for(kPollInterval);
      if (api_.CommGetAsyncError(comm_, &status) != ncclSuccess) Abandon(what, "communicator lost");
    }
    if (status != ncclSuccess) Abandon(what, ncclGetErrorString(status));
  }

  void Abort() {
    if (comm_ != nullptr) api_.CommAbort(std::exchange(comm_, nullptr));
  }

  [[noreturn]] void Abandon(const std::string& what, const std::string& reason) {
    Abort();
    throw Error(fmt::format("training rank {} lost its group while {}: {}; {}", link_.rank(), what,
                            reason, AskWhoLives()),
                ExitCode::kTrainersLost);
  }

  // NCCL does not say who is missing; the host link does.
  std::string AskWhoLives() {
    std::string silent;
    try {
      for (int other = 0; other < link_.size(); ++other) {
        if (other != link_.rank()) link_.Send(other, kAlive, {});
      }
    } catch (const Error& error) {
      return error.what();
    }
    const double end = MonotonicSeconds() + options_.deadline_s / 2;
    for (int other = 0; other < link_.size(); ++other) {
      if (other == link_.rank()) continue;
      try {
        link_.Receive(other, kAlive, std::max(0.0, end - MonotonicSeconds()));
      } catch (const Error& error) {
        silent += (silent.empty() ? "" : "; ") + std::string(error.what());
      }
    }
    return silent.empty() ? "all members answer on the host link" : silent;
  }

  PeerLink& link_;
  const NcclOptions options_;
  const NcclApi& api_;
  int device_ = 0;
  cudaStream_t stream_ = nullptr;
  cudaEvent_t ready_ = nullptr;
  ncclComm_t comm_ = nullptr;
};

class NcclCollectives final : public Collectives {
 public:
  NcclCollectives(PeerLink& link, const NcclOptions& options, const NcclApi& api)
      : link_(link),
        options_(options),
        api_(api),
        control_(MakeHostCollectives(link, options.deadline_s)),
        channel_(link, options, api) {}

  int rank() const override { return link_.rank(); }
  int size() const override { return link_.size(); }
  int device() const override { return api_.device_memory ? channel_.device() : -1; }

  // Small: over the host.
  std::vector<std::string> Exchange(std::string mine) override {
    return control_->Exchange(std::move(mine));
  }

  void StartSum(const GradientLayout& layout, std::size_t bucket,
                const std::vector<at::Tensor>& partials) override {
    options_.deterministic ? SwapPartials(layout, bucket, partials)
                           : Reduce(layout, bucket, partials);
  }

  void FinishSum(const GradientLayout& layout, at::Tensor& shard) override {
    channel_.Wait("waiting for the gradients of the other ranks");
    const std::size_t first = layout.shards[std::size_t(rank())].first;
    for (std::size_t bucket = 0; bucket < pending_.size(); ++bucket) {
      const ParameterRange piece = layout.Piece(bucket, rank());
      if (piece.empty()) continue;
      const at::Tensor into =
          shard.narrow(0, std::int64_t(piece.first - first), std::int64_t(piece.size()));
      if (options_.deterministic) {
        SumPiece(layout, pending_[bucket], into);
      } else {
        into.copy_(pending_[bucket].sum);
      }
    }
    pending_.clear();
  }

  void AllGather(const GradientLayout& layout, at::Tensor& flat) override {
    const std::string what = "gathering the parameters of the other ranks";
    channel_.Launch(what, [&](const auto& check) {
      for (int owner = 0; owner < size(); ++owner) {
        const ParameterRange shard = layout.shards[std::size_t(owner)];
        if (shard.empty()) continue;
        char* address = Address(flat, shard.first);
        check(api_.Broadcast(address, address, shard.size(), TypeOf(flat), owner, channel_.comm(),
                             channel_.stream()));
      }
    });
    channel_.Wait(what);
  }

 private:
  // A bucket under way. Own and received partial sums [own piece], by rank and subtree; or, not
  // deterministic, what is sent [bucket] and what comes back [own piece].
  struct Pending {
    std::vector<std::vector<at::Tensor>> by_rank;
    at::Tensor total, sum;
  };

  std::vector<TreeNode> NodesOf(int of, const GradientLayout& layout) const {
    return WholeSubtrees(LeavesOf(of, size(), layout.leaves), layout.leaves);
  }

  at::TensorOptions Options() const {
    const at::Device place = api_.device_memory
                                 ? at::Device(at::kCUDA, c10::DeviceIndex(channel_.device()))
                                 : at::Device(at::kCPU);
    return at::TensorOptions().dtype(at::kFloat).device(place);
  }

  // Every owner gets the partial sums of its piece from every rank, and adds them in tree order.
  void SwapPartials(const GradientLayout& layout, std::size_t bucket,
                    const std::vector<at::Tensor>& partials) {
    const std::size_t start = layout.buckets[bucket].first;
    const ParameterRange own = layout.Piece(bucket, rank());
    Pending pending;
    pending.by_rank.resize(std::size_t(size()));
    for (int from = 0; from < size() && !own.empty(); ++from) {
      for (std::size_t node = 0; node < NodesOf(from, layout).size(); ++node) {
        pending.by_rank[std::size_t(from)].push_back(
            from == rank() ? partials[node].narrow(0, std::int64_t(own.first - start),
                                                   std::int64_t(own.size()))
                           : at::empty({std::int64_t(own.size())}, Options()));
      }
    }
    channel_.Launch(fmt::format("handing over gradient bucket {}", bucket), [&](const auto& check) {
      for (int peer = 0; peer < size(); ++peer) {
        if (peer == rank()) continue;
        const ParameterRange piece = layout.Piece(bucket, peer);
        for (const at::Tensor& partial : partials) {
          if (piece.empty()) break;
          check(api_.Send(Address(partial, piece.first - start), piece.size(), ncclFloat, peer,
                          channel_.comm(), channel_.stream()));
        }
        for (const at::Tensor& into : pending.by_rank[std::size_t(peer)]) {
          check(api_.Recv(Address(into, 0), own.size(), ncclFloat, peer, channel_.comm(),
                          channel_.stream()));
        }
      }
    });
    pending_.push_back(std::move(pending));
  }

  void SumPiece(const GradientLayout& layout, const Pending& pending, const at::Tensor& into) {
    PartialSums sums(layout.leaves, into);
    for (int from = 0; from < size(); ++from) {
      const std::vector<TreeNode> nodes = NodesOf(from, layout);
      for (std::size_t i = 0; i < nodes.size(); ++i) {
        sums.Arrive(nodes[i]);
        sums.Add(pending.by_rank[std::size_t(from)][i], {0, std::size_t(into.numel())});
      }
    }
  }

  // The same traffic as ncclReduceScatter, for shards whose borders are not those of equal parts.
  void Reduce(const GradientLayout& layout, std::size_t bucket,
              const std::vector<at::Tensor>& partials) {
    const ParameterRange all = layout.buckets[bucket], own = layout.Piece(bucket, rank());
    Pending pending;
    pending.total =
        partials.empty() ? at::zeros({std::int64_t(all.size())}, Options()) : partials[0].clone();
    for (std::size_t i = 1; i < partials.size(); ++i) pending.total.add_(partials[i]);
    pending.sum = at::empty({std::int64_t(own.size())}, Options());
    channel_.Launch(fmt::format("handing over gradient bucket {}", bucket), [&](const auto& check) {
      for (int owner = 0; owner < size(); ++owner) {
        const ParameterRange piece = layout.Piece(bucket, owner);
        if (piece.empty()) continue;
        check(api_.Reduce(Address(pending.total, piece.first - all.first),
                          owner == rank() ? Address(pending.sum, 0) : nullptr, piece.size(),
                          ncclFloat, ncclSum, owner, channel_.comm(), channel_.stream()));
      }
    });
    pending_.push_back(std::move(pending));
  }

  PeerLink& link_;
  const NcclOptions options_;
  const NcclApi& api_;
  std::unique_ptr<Collectives> control_;
  std::vector<Pending> pending_;  // By bucket. Outlives the channel, which may still use it.
  NcclChannel channel_;
};

}  // namespace

const NcclApi& NcclLibrary() {
  static const NcclApi api{.GetUniqueId = ::ncclGetUniqueId,
                           .CommInitRankConfig = ::ncclCommInitRankConfig,
                           .CommGetAsyncError = ::ncclCommGetAsyncError,
                           .CommAbort = ::ncclCommAbort,
                           .GroupStart = ::ncclGroupStart,
                           .GroupEnd = ::ncclGroupEnd,
                           .Send = ::ncclSend,
                           .Recv = ::ncclRecv,
                           .Reduce = ::ncclReduce,
                           .Broadcast = ::ncclBroadcast,
                           .GetDeviceCount = ::cudaGetDeviceCount,
                           .SetDevice = ::cudaSetDevice,
                           .StreamCreate = ::cudaStreamCreateWithFlags,
                           .StreamDestroy = ::cudaStreamDestroy,
                           .StreamQuery = ::cudaStreamQuery,
                           .EventCreate = ::cudaEventCreateWithFlags,
                           .EventDestroy = ::cudaEventDestroy,
                           .EventRecord = ::cudaEventRecord,
                           .StreamWaitEvent = ::cudaStreamWaitEvent};
  return api;
}

std::unique_ptr<Collectives> MakeNcclCollectives(PeerLink& link, const NcclOptions& options,
                                                 const NcclApi& api) {
  return std::make_unique<NcclCollectives>(link, options, api);
}

std::unique_ptr<Collectives> MakeCollectives(PeerLink& link, const TrainOptions& options,
                                             double deadline_s) {
  if (options.device == Device::kGpu) {
    int devices = 0;
    if (NcclLibrary().GetDeviceCount(&devices) == cudaSuccess && devices > 0)
      return MakeNcclCollectives(link, {deadline_s, options.deterministic});
    if (link.rank() == 0) Log("no usable GPU: training runs in host memory");
  }
  if (link.size() == 1) return MakeSoloCollectives();
  return MakeHostCollectives(link, deadline_s);
}

}  // namespace gradus
