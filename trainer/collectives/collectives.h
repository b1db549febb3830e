#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "trainer/collectives/gradient_layout.h"
#include "trainer/collectives/tree_sum.h"

namespace at {
class Tensor;
}

namespace gradus {

struct TrainOptions;

// The data-parallel group. All members call the same functions in the same order. Every call has a
// deadline: a member that died, hung or left is named in Error(…, ExitCode::kTrainersLost).
class Collectives {
 public:
  virtual ~Collectives() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  // The GPU that this rank's buffers live on; -1: host memory.
  virtual int device() const { return -1; }

  // All-gather of short byte strings: result[r] is what rank r gave.
  virtual std::vector<std::string> Exchange(std::string mine) = 0;

  // Reduce-scatter of the flat fp32 gradient, bucket by bucket: StartSum once for every bucket of
  // `layout` in its order, then FinishSum. `partials` are this rank's sums over its whole subtrees
  // (see WholeSubtrees; none on a rank without a leaf), each [bucket]. StartSum does not wait for
  // others; the partials stay untouched until FinishSum. `shard` [own shard] receives the sum over
  // all leaves along the fixed tree: the same bits on any number of ranks.
  virtual void StartSum(const GradientLayout& layout, std::size_t bucket,
                        const std::vector<at::Tensor>& partials) = 0;
  virtual void FinishSum(const GradientLayout& layout, at::Tensor& shard) = 0;

  // All-gather in place: of `flat` [parameters, any type] each rank has its shard right and gets
  // the others'.
  virtual void AllGather(const GradientLayout& layout, at::Tensor& flat) = 0;
};

// Everybody gets the bytes of `root`.
std::string Broadcast(Collectives& group, std::string bytes, int root);
// Nobody leaves before everybody came.
void Barrier(Collectives& group);
// One number per rank, added in rank order.
double SumOverRanks(Collectives& group, double mine);

// Byte pipes between the members of a group, provided by the launcher's transport (MPI or threads).
// Send never blocks; Receive waits for the next message of that member with that tag until the
// deadline and throws Error(kTrainersLost) naming the member when it passes.
class PeerLink {
 public:
  virtual ~PeerLink() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  virtual void Send(int to, std::uint32_t tag, std::string bytes) = 0;
  virtual std::string Receive(int from, std::uint32_t tag, double deadline_s) = 0;
};

// A world of one.
std::unique_ptr<Collectives> MakeSoloCollectives();
// Host collectives over a PeerLink (MPI between processes).
std::unique_ptr<Collectives> MakeHostCollectives(PeerLink& link, double deadline_s);

// The collectives for a group of this size and device. Throws Error when a host has fewer GPUs than
// ranks.
std::unique_ptr<Collectives> MakeCollectives(PeerLink& link, const TrainOptions& options,
                                             double deadline_s);

}  // namespace gradus
