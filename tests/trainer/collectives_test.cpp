#include "trainer/collectives.h"

#include <doctest/doctest.h>

#include <atomic>
#include <cmath>

#include "schemas/base/log.h"
#include "schemas/base/seed.h"
#include "tests/fakes/thread_group.h"

namespace gradus {
namespace {

using Buffers = std::vector<std::vector<float>>;

// Values of many magnitudes, so that another order of addition gives other bits.
Buffers RandomLeaves(int leaves, std::size_t length) {
  Buffers buffers;
  Random random(MixSeed(7, std::uint64_t(leaves)));
  for (int leaf = 0; leaf < leaves; ++leaf) {
    std::vector<float>& buffer = buffers.emplace_back();
    for (std::size_t i = 0; i < length; ++i) {
      buffer.push_back(float((random.Uniform() - 0.5) * std::pow(10.0, double(random.Below(9)))));
    }
  }
  return buffers;
}

// The tree, written down independently: pairs of neighbours, an odd one passes through.
std::vector<float> ReferenceSum(Buffers level) {
  while (level.size() > 1) {
    Buffers next;
    for (std::size_t i = 0; i < level.size(); i += 2) {
      next.push_back(level[i]);
      if (i + 1 == level.size()) break;
      for (std::size_t k = 0; k < level[i].size(); ++k) next.back()[k] += level[i + 1][k];
    }
    level = std::move(next);
  }
  return level[0];
}

std::vector<float> SumInOrder(const Buffers& leaves) {
  std::vector<float> sum = leaves[0];
  for (std::size_t leaf = 1; leaf < leaves.size(); ++leaf) {
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += leaves[leaf][i];
  }
  return sum;
}

Buffers OwnLeaves(const Buffers& all, const Collectives& group) {
  const LeafRange range = LeavesOf(group.rank(), group.size(), int(all.size()));
  return {all.begin() + range.first, all.begin() + range.last};
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

TEST_CASE("TreeSum has the bits of the serial tree for every number of leaves and ranks") {
  for (int leaves = 1; leaves <= 9; ++leaves) {
    const Buffers all = RandomLeaves(leaves, 1000);
    const std::vector<float> expected = ReferenceSum(all);
    for (int size = 1; size <= 5; ++size) {
      std::atomic<int> equal = 0;
      RunAsGroup(size, [&](Collectives& group) {
        Buffers local = OwnLeaves(all, group);
        std::vector<float> sum;
        group.TreeSum(local, leaves, sum);
        equal += sum == expected;
      });
      CHECK_MESSAGE(equal == size, leaves, " leaves on ", size, " ranks");
    }
    Buffers local = all;
    std::vector<float> sum;
    MakeSoloCollectives()->TreeSum(local, leaves, sum);
    CHECK(sum == expected);
  }
}

TEST_CASE("The planted leaves notice another order of addition") {
  const Buffers all = RandomLeaves(9, 1000);
  CHECK(ReferenceSum(all) != SumInOrder(all));
}

TEST_CASE("Sums longer than a message arrive whole, also after shorter ones") {
  for (std::size_t length : {std::size_t{0}, std::size_t{1}, std::size_t{700'001}}) {
    const Buffers all = RandomLeaves(3, length);
    const std::vector<float> expected = ReferenceSum(all);
    RunAsGroup(3, [&](Collectives& group) {
      for (int repeat = 0; repeat < 2; ++repeat) {
        Buffers local = OwnLeaves(all, group);
        std::vector<float> sum(5, 1.0f);
        group.TreeSum(local, 3, sum);
        Require(sum == expected, "the sum differs");
      }
    });
  }
}

TEST_CASE("Broadcast gives everybody the root's bytes, whoever is root") {
  for (int size = 1; size <= 6; ++size) {
    for (int root = 0; root < size; ++root) {
      std::vector<char> sent(3'000'000);
      for (std::size_t i = 0; i < sent.size(); ++i) sent[i] = char(MixSeed(root, i));
      RunAsGroup(size, [&](Collectives& group) {
        std::vector<char> bytes = group.rank() == root ? sent : std::vector<char>{'x'};
        group.Broadcast(bytes, root);
        Require(bytes == sent, "the bytes differ");
      });
    }
  }
}

TEST_CASE("Nobody leaves a barrier before everybody came") {
  for (int size = 1; size <= 6; ++size) {
    std::atomic<int> came = 0;
    RunAsGroup(size, [&](Collectives& group) {
      for (int round = 1; round <= 20; ++round) {
        ++came;
        group.Barrier();
        Require(came >= round * size, "left early");
      }
    });
  }
}

TEST_CASE("A peer that never answers is named within the deadline") {
  ThreadGroup group(3);
  const auto waiting = MakeHostCollectives(group.link(0), 0.2);
  std::vector<std::vector<float>> local{{1.0f}};
  std::vector<float> sum;
  const double start = MonotonicSeconds();
  try {
    waiting->TreeSum(local, 3, sum);
    FAIL("nobody was missed");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::kTrainersLost);
    CHECK(std::string(error.what()).find("rank 1") != std::string::npos);
  }
  CHECK(MonotonicSeconds() - start < 5);
}

TEST_CASE("A peer with another length is an error, not a wrong sum") {
  CHECK_THROWS_AS(RunAsGroup(
                      2,
                      [](Collectives& group) {
                        Buffers local{std::vector<float>(group.rank() == 0 ? 10 : 11, 1.0f)};
                        std::vector<float> sum;
                        group.TreeSum(local, 2, sum);
                      },
                      0.5),
                  Error);
}

TEST_CASE("NCCL collectives say clearly that there is no GPU") {
  ThreadGroup group(1);
  try {
    const auto collectives = MakeNcclCollectives(group.link(0), 10);
    Buffers local{{1.0f}, {2.0f}, {4.0f}};
    std::vector<float> sum;
    collectives->TreeSum(local, 3, sum);
    CHECK(sum == std::vector<float>{7.0f});
  } catch (const Error& error) {
    CHECK(std::string(error.what()).find("need a GPU and none is usable") != std::string::npos);
  }
}

}  // namespace
}  // namespace gradus
