#include "trainer/collectives/tree_sum.h"

#include <algorithm>
#include <cstddef>

#include "schemas/base/error.h"

namespace gradus {
namespace {

// Runs `value` through the newest `merges` of `waiting`.
void Merge(std::vector<double>& waiting, double value, int merges) {
  for (; merges > 0; --merges) {
    value = waiting.back() + value;
    waiting.pop_back();
  }
  waiting.push_back(value);
}

}  // namespace

LeafRange LeavesOf(int rank, int size, int leaves) {
  const int each = leaves / size, extra = leaves % size;
  const int first = rank * each + std::min(rank, extra);
  return {first, first + each + (rank < extra ? 1 : 0)};
}

TreeCounter::TreeCounter(int leaves) : leaves_(leaves) {
  Require(leaves > 0 && leaves < 1 << 30, "a tree sum needs leaves");
  while (1 << top_ < leaves) ++top_;
}

TreeNode TreeCounter::Promoted(TreeNode node) const {
  const auto is_left = [&] { return (node.first >> node.level) % 2 == 0; };
  while (node.level < top_ && is_left() && node.first + (1 << node.level) >= leaves_) ++node.level;
  return node;
}

int TreeCounter::Arrive(TreeNode node) {
  int merges = 0;
  node = Promoted(node);
  while (!waiting_.empty()) {
    const TreeNode left = waiting_.back();
    const bool siblings = left.level == node.level && (left.first >> left.level) % 2 == 0 &&
                          left.first + (1 << left.level) == node.first;
    if (!siblings) break;
    waiting_.pop_back();
    node = Promoted({left.first, left.level + 1});
    ++merges;
  }
  waiting_.push_back(node);
  return merges;
}

std::vector<TreeNode> WholeSubtrees(LeafRange range, int leaves) {
  TreeCounter counter(leaves);
  for (int leaf = range.first; leaf < range.last; ++leaf) counter.Arrive({leaf, 0});
  return counter.waiting();
}

std::vector<double> SubtreeSums(const std::vector<double>& values, LeafRange range, int leaves) {
  Require(values.size() == static_cast<std::size_t>(range.last - range.first),
          "SubtreeSums wants one value per leaf");
  std::vector<double> waiting;
  TreeCounter counter(leaves);
  for (int leaf = range.first; leaf < range.last; ++leaf) {
    Merge(waiting, values[static_cast<std::size_t>(leaf - range.first)], counter.Arrive({leaf, 0}));
  }
  return waiting;
}

double FinishTreeSum(const std::vector<std::vector<double>>& by_rank, int leaves) {
  std::vector<double> waiting;
  TreeCounter counter(leaves);
  const int size = static_cast<int>(by_rank.size());
  for (int rank = 0; rank < size; ++rank) {
    const std::vector<TreeNode> nodes = WholeSubtrees(LeavesOf(rank, size, leaves), leaves);
    const std::vector<double>& sums = by_rank[static_cast<std::size_t>(rank)];
    Require(sums.size() == nodes.size(), "a rank gave another number of partial sums");
    for (std::size_t i = 0; i < nodes.size(); ++i)
      Merge(waiting, sums[i], counter.Arrive(nodes[i]));
  }
  Require(waiting.size() == 1, "a tree sum lacks leaves");
  return waiting[0];
}

double TreeSum(const std::vector<double>& values) {
  const int leaves = static_cast<int>(values.size());
  return FinishTreeSum({SubtreeSums(values, {0, leaves}, leaves)}, leaves);
}

}  // namespace gradus
