#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace gradus {

// A member of a training group died, hung or left: named in the message, exit code kTrainersLost.
// Thrown as Error(…, ExitCode::kTrainersLost).

// The data-parallel group. Buffers are flat fp32 on the host (or the GPU for NCCL). Every call has
// a deadline; all members must call in the same order.
class Collectives {
 public:
  virtual ~Collectives() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  // Replaces `buffer` on every rank by the sum over `leaves` of the group's leaf buffers, added in
  // the order of one fixed binary tree over leaf numbers (leaf i += leaf i+1 for even i, then
  // stride 2, 4, …), whatever the number of ranks. `local` are this rank's leaves (see LeavesOf),
  // consumed by the call.
  virtual void TreeSum(std::vector<std::vector<float>>& local, int leaves,
                       std::vector<float>& sum) = 0;
  virtual void Broadcast(std::vector<char>& bytes, int root) = 0;
  virtual void Barrier() = 0;
};

// Contiguous leaves [first, last) of `rank`, balanced; the fixed assignment TreeSum relies on.
struct LeafRange {
  int first = 0, last = 0;
};
LeafRange LeavesOf(int rank, int size, int leaves);

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

std::unique_ptr<Collectives> MakeSoloCollectives();
// Host collectives over a PeerLink (MPI between processes).
std::unique_ptr<Collectives> MakeHostCollectives(PeerLink& link, double deadline_s);
// NCCL between GPUs; the unique id travels over `link`. Throws Error when no GPU is usable.
std::unique_ptr<Collectives> MakeNcclCollectives(PeerLink& link, double deadline_s);

}  // namespace gradus
