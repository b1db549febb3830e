#pragma once
#include <functional>
#include <span>
#include <vector>

namespace gradus {

// How partial sums travel between the ranks of a group. Both sides meet in the same global order,
// so a rendezvous (NCCL) cannot deadlock.
struct PartialSumPipe {
  std::function<void(int to, std::span<const float> partial)> send;
  std::function<void(int from, std::span<float> into)> receive_and_add;
};

// The rank that owns `leaf`: the inverse of LeavesOf.
int OwnerOfLeaf(int leaf, int size, int leaves);

// Adds the leaves over the fixed tree: leaf i += leaf i + stride, stride 1, 2, 4, … Where the
// owners differ, the right one sends its partial to the left one. Afterwards rank 0's first buffer
// is the sum; the rest are spent.
void ReduceOverTree(std::vector<std::vector<float>>& local, int leaves, int rank, int size,
                    const PartialSumPipe& pipe);

}  // namespace gradus
