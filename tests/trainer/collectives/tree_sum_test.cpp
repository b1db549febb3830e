#include "trainer/collectives/tree_sum.h"

#include <doctest/doctest.h>

#include <cmath>

#include "schemas/base/error.h"
#include "schemas/base/seed.h"

namespace gradus {
namespace {

std::vector<double> Planted(int leaves) {
  Random random(MixSeed(3, std::uint64_t(leaves)));
  std::vector<double> values;
  for (int i = 0; i < leaves; ++i)
    values.push_back((random.Uniform() - 0.5) * std::pow(10.0, double(random.Below(12))));
  return values;
}

// The tree, written down independently: pairs of neighbours, an odd one passes through.
double ReferenceSum(std::vector<double> level) {
  while (level.size() > 1) {
    std::vector<double> next;
    for (std::size_t i = 0; i < level.size(); i += 2)
      next.push_back(i + 1 < level.size() ? level[i] + level[i + 1] : level[i]);
    level = std::move(next);
  }
  return level[0];
}

TEST_CASE("Every leaf belongs to one rank, in order and balanced") {
  for (int size = 1; size <= 7; ++size) {
    for (int leaves = 1; leaves <= 12; ++leaves) {
      int next = 0;
      for (int rank = 0; rank < size; ++rank) {
        const LeafRange range = LeavesOf(rank, size, leaves);
        CHECK(range.first == next);
        CHECK(range.last - range.first >= leaves / size);
        CHECK(range.last - range.first <= leaves / size + 1);
        next = range.last;
      }
      CHECK(next == leaves);
    }
  }
}

TEST_CASE("A sum over the tree has the same bits however the leaves are shared out") {
  int differs = 0;
  for (int leaves = 1; leaves <= 70; ++leaves) {
    const std::vector<double> values = Planted(leaves);
    const double expected = ReferenceSum(values);
    CHECK(TreeSum(values) == expected);
    for (int size : {1, 2, 3, 4, 5, 7, 8, 100}) {
      std::vector<std::vector<double>> by_rank;
      for (int rank = 0; rank < size; ++rank) {
        const LeafRange own = LeavesOf(rank, size, leaves);
        by_rank.push_back(
            SubtreeSums({values.begin() + own.first, values.begin() + own.last}, own, leaves));
      }
      CHECK_MESSAGE(FinishTreeSum(by_rank, leaves) == expected, leaves, " leaves on ", size);
    }
    double in_order = 0;
    for (double value : values) in_order += value;
    differs += in_order != expected;
  }
  CHECK(differs > 10);  // The planted values notice another order of addition.
}

TEST_CASE("A rank holds few partial sums: one for a whole tree, about two per level at most") {
  for (int leaves : {1, 2, 3, 8, 21, 64, 1000}) {
    CHECK(WholeSubtrees({0, leaves}, leaves).size() == 1);
    for (int size : {2, 3, 5, 16}) {
      for (int rank = 0; rank < size; ++rank) {
        const auto nodes = WholeSubtrees(LeavesOf(rank, size, leaves), leaves);
        CHECK(double(nodes.size()) <= 2 * std::log2(double(leaves)) + 1);
      }
    }
    TreeCounter counter(leaves);
    for (int leaf = 0; leaf < leaves; ++leaf) {
      counter.Arrive({leaf, 0});
      CHECK(double(counter.waiting().size()) <= std::log2(double(leaves)) + 1);
    }
  }
  CHECK(WholeSubtrees({3, 3}, 8).empty());
  CHECK(WholeSubtrees({3, 8}, 8) == std::vector<TreeNode>{{3, 0}, {4, 2}});
}

TEST_CASE("A missing or surplus partial sum is an error, not a wrong sum") {
  CHECK_THROWS_AS(FinishTreeSum({{1.0}, {}}, 3), Error);
  CHECK_THROWS_AS(FinishTreeSum({{1.0, 2.0, 3.0}}, 3), Error);
  CHECK_THROWS_AS(SubtreeSums({1.0}, {0, 2}, 2), Error);
}

}  // namespace
}  // namespace gradus
