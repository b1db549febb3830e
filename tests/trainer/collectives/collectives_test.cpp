#include "trainer/collectives/collectives.h"

#include <doctest/doctest.h>

#include <atomic>
#include <mutex>

#include "schemas/base/log.h"
#include "tests/fakes/group_sums.h"
#include "tests/fakes/thread_group.h"

namespace gradus {
namespace {

TEST_CASE("Sums have the bits of the serial tree for every number of leaves and ranks") {
  const std::size_t length = 5 * kBlock + 32;
  for (int leaves = 1; leaves <= 9; ++leaves) {
    const auto all = RandomLeaves(leaves, length);
    const std::string expected = BitsOf(ReferenceSum(all));
    for (int size = 1; size <= 6; ++size) {
      std::atomic<int> equal = 0;
      RunAsGroup(size, [&](Collectives& group) {
        const GradientLayout layout = LayOut(length, leaves, size, 2 * kBlock);
        for (int repeat = 0; repeat < 2; ++repeat)
          equal += BitsOf(SumByGroup(group, layout, all)) == expected;
      });
      CHECK_MESSAGE(equal == 2 * size, leaves, " leaves on ", size, " ranks");
    }
    const auto solo = MakeSoloCollectives();
    CHECK(BitsOf(SumByGroup(*solo, LayOut(length, leaves, 1, 2 * kBlock), all)) == expected);
  }
}

TEST_CASE("The planted leaves notice another order of addition") {
  const auto all = RandomLeaves(9, 1000);
  at::Tensor in_order = all[0];
  for (std::size_t leaf = 1; leaf < all.size(); ++leaf) in_order = in_order.add(all[leaf]);
  CHECK(BitsOf(ReferenceSum(all)) != BitsOf(in_order));
}

TEST_CASE("Sums longer than a message arrive whole, on ranks without a leaf too") {
  const std::size_t length = 3'000'000;
  const auto all = RandomLeaves(2, length);
  const std::string expected = BitsOf(ReferenceSum(all));
  RunAsGroup(3, [&](Collectives& group) {
    const GradientLayout layout = LayOut(length, 2, 3, 1'400'000);
    Require(BitsOf(SumByGroup(group, layout, all)) == expected, "the sum differs");
  });
}

TEST_CASE("Exchange and Broadcast give everybody the right bytes, whoever is root") {
  for (int size = 1; size <= 6; ++size) {
    RunAsGroup(size, [&](Collectives& group) {
      for (int root = 0; root < size; ++root) {
        const std::string sent(100'000, char('a' + root));
        const std::string got = Broadcast(group, group.rank() == root ? sent : "x", root);
        Require(got == sent, "the bytes differ");
      }
      const auto all = group.Exchange(std::string(std::size_t(group.rank()), 'r'));
      for (std::size_t rank = 0; rank < all.size(); ++rank)
        Require(all[rank].size() == rank, "the bytes are another rank's");
      Require(SumOverRanks(group, 0.5 * group.rank()) == 0.25 * size * (size - 1), "a wrong sum");
    });
  }
}

TEST_CASE("Nobody leaves a barrier before everybody came") {
  for (int size = 1; size <= 6; ++size) {
    std::atomic<int> came = 0;
    RunAsGroup(size, [&](Collectives& group) {
      for (int round = 1; round <= 20; ++round) {
        ++came;
        Barrier(group);
        Require(came >= round * size, "left early");
      }
    });
  }
}

// Who hangs, and what the others say.
std::vector<std::string> ComplaintsAbout(int silent, int size,
                                         const std::function<void(Collectives&)>& body) {
  std::mutex mutex;
  std::vector<std::string> complaints;
  RunAsGroup(
      size,
      [&](Collectives& group) {
        if (group.rank() == silent) return;
        try {
          body(group);
        } catch (const Error& error) {
          CHECK(error.code() == ExitCode::kTrainersLost);
          const std::lock_guard lock(mutex);
          complaints.emplace_back(error.what());
        }
      },
      0.3);
  return complaints;
}

TEST_CASE("A member that hangs is named by all others within the deadline, in every collective") {
  const auto all = RandomLeaves(4, 4 * kBlock);
  // On the third layout rank 3 owns no shard and goes on to Exchange while the others still wait
  // for rank 2's gradient: what it waits for is not the culprit.
  for (std::size_t length : {4 * kBlock, 3 * kBlock, std::size_t{16}}) {
    const double start = MonotonicSeconds();
    const auto complaints = ComplaintsAbout(2, 4, [&](Collectives& group) {
      const GradientLayout layout = LayOut(length, 4, 4, kBlock);
      std::vector<at::Tensor> cut;
      for (const at::Tensor& leaf : all) cut.push_back(leaf.narrow(0, 0, std::int64_t(length)));
      SumByGroup(group, layout, cut);
      Barrier(group);
    });
    CHECK(complaints.size() == 3);
    for (const std::string& text : complaints)
      CHECK_MESSAGE(text.find("rank 2 did not answer") != std::string::npos, text);
    CHECK(MonotonicSeconds() - start < 10);
  }
}

TEST_CASE("A peer with another length is an error, not a wrong sum") {
  CHECK_THROWS_AS(RunAsGroup(
                      2,
                      [](Collectives& group) {
                        const std::size_t length = group.rank() == 0 ? 64 : 80;
                        SumByGroup(group, LayOut(length, 2, 1 + 1, kBlock),
                                   RandomLeaves(2, length));
                      },
                      0.5),
                  Error);
}

}  // namespace
}  // namespace gradus
