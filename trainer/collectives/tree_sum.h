#pragma once
#include <vector>

namespace gradus {

// Contiguous leaves [first, last) of `rank`, balanced: the fixed assignment of work to ranks.
struct LeafRange {
  int first = 0, last = 0;
};
LeafRange LeavesOf(int rank, int size, int leaves);

// Sums over numbered leaves are taken along one fixed binary tree: leaf i += leaf i + stride for
// stride 1, 2, 4, … A node is the sum over the leaves [first, first + 2^level) that exist; a node
// without a right sibling is its own parent.
struct TreeNode {
  int first = 0, level = 0;
  bool operator==(const TreeNode&) const = default;
};

// Sums that arrive from left to right, merged as a binary counter carries: a sum whose left sibling
// waits is added to it. Only about log2(leaves) sums wait at any time, and when all leaves have
// arrived one waits: the root. Knows which are added, not what they are.
class TreeCounter {
 public:
  explicit TreeCounter(int leaves);
  // The number of waiting sums, newest first, that the arriving one runs through: it is added to
  // the newest, the result to the one before it, and so on. 0: it waits itself.
  int Arrive(TreeNode node);
  const std::vector<TreeNode>& waiting() const { return waiting_; }
  void Clear() { waiting_.clear(); }

 private:
  TreeNode Promoted(TreeNode node) const;

  int leaves_;
  int top_ = 0;  // Level of the root.
  std::vector<TreeNode> waiting_;
};

// The largest whole subtrees that cover `leaves_of_rank`, from left to right: what one rank can add
// up by itself without leaving the tree.
std::vector<TreeNode> WholeSubtrees(LeafRange leaves_of_rank, int leaves);

// The numbers added along the tree. REQUIRES: not empty.
double TreeSum(const std::vector<double>& leaves);
// One number per whole subtree of `range`, whose leaves are `values`.
std::vector<double> SubtreeSums(const std::vector<double>& values, LeafRange range, int leaves);
// The root from what SubtreeSums gave each of `ranks` ranks for its LeavesOf.
double FinishTreeSum(const std::vector<std::vector<double>>& by_rank, int leaves);

}  // namespace gradus
