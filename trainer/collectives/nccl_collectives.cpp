#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <string>
#include <utility>

#include "schemas/base/error.h"
#include "schemas/base/log.h"
#include "trainer/collectives/nccl_channel.h"
#include "trainer/collectives/partial_sums.h"
#include "trainer/options.h"

namespace gradus {
namespace {

ncclDataType_t TypeOf(const at::Tensor& tensor) {
  if (tensor.scalar_type() == at::kBFloat16) return ncclBfloat16;
  Require(tensor.scalar_type() == at::kFloat, "NCCL collectives take fp32 and bf16");
  return ncclFloat;
}

char* Address(const at::Tensor& tensor, std::size_t value) {
  return static_cast<char*>(tensor.mutable_data_ptr()) + value * tensor.element_size();
}

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
