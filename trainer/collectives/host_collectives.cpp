#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "schemas/base/bytes.h"
#include "schemas/base/error.h"
#include "trainer/collectives/collectives.h"
#include "trainer/collectives/partial_sums.h"

namespace gradus {
namespace {

// One is packed, one under way and one unpacked at the same time.
constexpr std::size_t kChunkBytes = std::size_t{256} << 10;
enum Tag : std::uint32_t { kPartial = 1, kShard = 2, kExchange = 3, kBlame = 4 };

at::Tensor Narrow(const at::Tensor& tensor, std::size_t first, std::size_t size) {
  return tensor.narrow(0, std::int64_t(first), std::int64_t(size));
}

std::string BytesOf(const at::Tensor& tensor) {
  const at::Tensor host = tensor.cpu().contiguous();
  return {static_cast<const char*>(host.const_data_ptr()), host.nbytes()};
}

class SoloCollectives final : public Collectives {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  std::vector<std::string> Exchange(std::string mine) override { return {std::move(mine)}; }
  void StartSum(const GradientLayout&, std::size_t, const std::vector<at::Tensor>& roots) override {
    Require(roots.size() == 1, "a world of one has the whole tree");
    roots_.push_back(roots[0]);
  }
  void FinishSum(const GradientLayout& layout, at::Tensor& shard) override {
    for (std::size_t b = 0; b < roots_.size(); ++b) {
      Narrow(shard, layout.buckets[b].first, layout.buckets[b].size()).copy_(roots_[b]);
    }
    roots_.clear();
  }
  void AllGather(const GradientLayout&, at::Tensor&) override {}

 private:
  std::vector<at::Tensor> roots_;
};

// Each rank sends straight to whoever needs it, all before it waits: so whoever is waited for is
// silent itself, or waits for somebody that it has named.
class HostCollectives final : public Collectives {
 public:
  HostCollectives(PeerLink& link, double deadline_s) : link_(link), deadline_s_(deadline_s) {}
  int rank() const override { return link_.rank(); }
  int size() const override { return link_.size(); }

  std::vector<std::string> Exchange(std::string mine) override {
    for (int to : Others()) link_.Send(to, kExchange, mine);
    std::vector<std::string> all(static_cast<std::size_t>(size()));
    for (int from : Others()) all[std::size_t(from)] = Receive(from, kExchange, "its report");
    all[std::size_t(rank())] = std::move(mine);
    return all;
  }

  void StartSum(const GradientLayout& layout, std::size_t bucket,
                const std::vector<at::Tensor>& partials) override {
    const auto cut = [&](const at::Tensor& partial, ParameterRange piece) {
      return Narrow(partial, piece.first - layout.buckets[bucket].first, piece.size());
    };
    for (int to : Others()) {
      const ParameterRange piece = layout.Piece(bucket, to);
      if (piece.empty()) continue;
      for (const at::Tensor& partial : partials)
        link_.Send(to, kPartial, BytesOf(cut(partial, piece)));
    }
    own_.emplace_back();
    const ParameterRange own = layout.Piece(bucket, rank());
    for (std::size_t i = 0; i < partials.size() && !own.empty(); ++i)
      own_.back().push_back(cut(partials[i], own));
  }

  void FinishSum(const GradientLayout& layout, at::Tensor& shard) override {
    const std::size_t first = layout.shards[std::size_t(rank())].first;
    for (std::size_t bucket = 0; bucket < layout.buckets.size(); ++bucket) {
      const ParameterRange piece = layout.Piece(bucket, rank());
      if (!piece.empty())
        SumPiece(layout, own_[bucket], Narrow(shard, piece.first - first, piece.size()));
    }
    own_.clear();
  }

  void AllGather(const GradientLayout& layout, at::Tensor& flat) override {
    const std::size_t step = kChunkBytes / flat.element_size();
    const auto for_chunks = [&](int owner, const auto& body) {
      const ParameterRange shard = layout.shards[std::size_t(owner)];
      for (std::size_t at = shard.first; at < shard.last; at += step)
        body(Narrow(flat, at, std::min(step, shard.last - at)));
    };
    for_chunks(rank(), [&](const at::Tensor& chunk) {
      const std::string bytes = BytesOf(chunk);
      for (int to : Others()) link_.Send(to, kShard, bytes);
    });
    for (int from : Others()) {
      for_chunks(from, [&](at::Tensor chunk) {
        std::string bytes = ReceiveExactly(from, kShard, chunk.nbytes(), "its parameters");
        chunk.copy_(at::from_blob(bytes.data(), chunk.sizes(), chunk.scalar_type()));
      });
    }
  }

 private:
  // The partial sums of all ranks, from left to right, through the rest of the tree.
  void SumPiece(const GradientLayout& layout, const std::vector<at::Tensor>& own, at::Tensor into) {
    const ParameterRange whole{0, std::size_t(into.numel())};
    PartialSums sums(layout.leaves, into);
    for (int from = 0; from < size(); ++from) {
      const LeafRange leaves = LeavesOf(from, size(), layout.leaves);
      const std::vector<TreeNode> nodes = WholeSubtrees(leaves, layout.leaves);
      for (std::size_t i = 0; i < nodes.size(); ++i) {
        sums.Arrive(nodes[i]);
        if (from == rank()) {
          sums.Add(own.at(i), whole);
        } else {
          std::string bytes = ReceiveExactly(from, kPartial, into.nbytes(), "its gradient");
          sums.Add(at::from_blob(bytes.data(), into.sizes(), at::kFloat), whole);
        }
      }
    }
  }

  std::vector<int> Others() const {
    std::vector<int> others;
    for (int other = 0; other < size(); ++other) {
      if (other != rank()) others.push_back(other);
    }
    return others;
  }

  std::string ReceiveExactly(int from, std::uint32_t tag, std::size_t bytes, const char* what) {
    std::string message = Receive(from, tag, what);
    if (message.size() != bytes) {
      throw Error(
          fmt::format("training rank {} sent {} bytes where rank {} expected {} for {}: the "
                      "group is out of step",
                      from, message.size(), rank(), bytes, what),
          ExitCode::kTrainersLost);
    }
    return message;
  }

  // A rank that gives up tells the others whom it waited for, so that each can follow the chain of
  // waiting ranks to the silent one at its end.
  std::string Receive(int from, std::uint32_t tag, const char* what) {
    try {
      return link_.Receive(from, tag, deadline_s_);
    } catch (const Error& error) {
      std::string reason = fmt::format("{} (rank {} waited for {})", error.what(), rank(), what);
      SendBlame(from, reason);
      for (int suspect = from, steps = 0; suspect != rank() && steps < size(); ++steps) {
        const std::string blame = BlameOf(suspect);
        if (blame.empty()) break;
        ByteReader reader(blame);
        const int next = reader.Get<int>();
        reason += fmt::format("; rank {} says: {}", suspect, reader.GetString());
        suspect = next;
      }
      throw Error(reason, error.code());
    }
  }

  std::string BlameOf(int suspect) {
    try {
      return link_.Receive(suspect, kBlame, std::min(1.0, deadline_s_ / 3));
    } catch (const Error&) {
      return {};
    }
  }

  void SendBlame(int suspect, const std::string& reason) {
    try {
      for (int to : Others())
        link_.Send(to, kBlame, ByteWriter().Put(suspect).PutString(reason).Take());
    } catch (const Error&) {
      // The group is dissolved: nobody listens.
    }
  }

  PeerLink& link_;
  double deadline_s_;
  std::vector<std::vector<at::Tensor>> own_;  // By bucket handed over: this rank's own pieces.
};

}  // namespace

std::string Broadcast(Collectives& group, std::string bytes, int root) {
  if (group.rank() != root) bytes.clear();
  return group.Exchange(std::move(bytes)).at(std::size_t(root));
}

void Barrier(Collectives& group) { group.Exchange({}); }

double SumOverRanks(Collectives& group, double mine) {
  double sum = 0;
  for (const std::string& bytes :
       group.Exchange({reinterpret_cast<const char*>(&mine), sizeof(mine)})) {
    double term = 0;
    Require(bytes.size() == sizeof(term), "a rank gave no number");
    std::memcpy(&term, bytes.data(), sizeof(term));
    sum += term;
  }
  return sum;
}

std::unique_ptr<Collectives> MakeSoloCollectives() { return std::make_unique<SoloCollectives>(); }

std::unique_ptr<Collectives> MakeHostCollectives(PeerLink& link, double deadline_s) {
  return std::make_unique<HostCollectives>(link, deadline_s);
}

}  // namespace gradus
