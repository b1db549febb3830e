#include <doctest/doctest.h>

#include <atomic>
#include <mutex>

#include "schemas/base/file.h"
#include "schemas/base/log.h"
#include "tests/fakes/fake_nccl.h"
#include "tests/fakes/group_sums.h"
#include "tests/fakes/temp_folder.h"
#include "tests/fakes/thread_group.h"
#include "tests/fakes/training_data.h"
#include "trainer/train.h"

namespace gradus {
namespace {

const NcclApi kFake = fake_nccl::Api();

// A group whose members run the code of NcclCollectives over the stand-in.
void RunOverNccl(int size, bool deterministic, const std::function<void(Collectives&)>& body,
                 double deadline_s = 60) {
  RunOnLinks(size, [&](PeerLink& link) {
    body(*MakeNcclCollectives(link, {deadline_s, deterministic}, kFake));
  });
}

TEST_CASE("Deterministic NCCL sums have the bits of the host collectives, on any number of ranks") {
  const std::size_t length = 5 * kBlock + 32;
  for (int leaves : {1, 2, 3, 5, 8}) {
    const auto all = RandomLeaves(leaves, length);
    const std::string expected = BitsOf(ReferenceSum(all));
    for (int size = 1; size <= 5; ++size) {
      std::atomic<int> equal = 0;
      RunOverNccl(size, true, [&](Collectives& group) {
        const GradientLayout layout = LayOut(length, leaves, size, 2 * kBlock);
        for (int repeat = 0; repeat < 2; ++repeat)
          equal += BitsOf(SumByGroup(group, layout, all)) == expected;
      });
      CHECK_MESSAGE(equal == 2 * size, leaves, " leaves on ", size, " ranks");
    }
  }
}

TEST_CASE("Fast sums are reduced by NCCL itself and right up to rounding") {
  const std::size_t length = 3 * kBlock + 32;
  const auto all = RandomLeaves(5, length);
  const at::Tensor expected = ReferenceSum(all);
  fake_nccl::sends = fake_nccl::reduces = 0;
  RunOverNccl(4, false, [&](Collectives& group) {
    const at::Tensor sum = SumByGroup(group, LayOut(length, 5, 4, kBlock), all);
    Require(LargestDifference(sum, expected) <=
                1e-6 * LargestDifference(expected, at::zeros_like(expected)),
            "the sum is wrong");
  });
  CHECK(fake_nccl::sends == 0);
  CHECK(fake_nccl::reduces > 0);
}

TEST_CASE("A bf16 buffer is gathered as it is") {
  RunOverNccl(3, true, [&](Collectives& group) {
    const GradientLayout layout = LayOut(5 * kBlock, 1, 3, kBlock);
    const at::Tensor whole = RandomLeaves(1, layout.parameters)[0].to(at::kBFloat16);
    at::Tensor flat = at::zeros_like(whole);
    const ParameterRange own = layout.shards[std::size_t(group.rank())];
    const auto at_own = [&](const at::Tensor& t) {
      return t.narrow(0, std::int64_t(own.first), std::int64_t(own.size()));
    };
    at_own(flat).copy_(at_own(whole));
    group.AllGather(layout, flat);
    Require(BitsOf(flat) == BitsOf(whole), "the buffer differs");
  });
}

TEST_CASE("A policy trained over NCCL has the bytes of one trained alone") {
  TempFolder folder;
  MakeTinyModel(folder.path() / "model");
  WriteSftRows(folder.path() / "sft.h5", RandomSftRows(30, 3));
  TrainOptions options;
  options.steps = 3;
  options.batch = 6;
  options.optimizer.lr = 3e-3;
  const auto order = [&](const char* name) {
    TrainOrder made;
    made.model = folder.path() / "model";
    made.output = folder.path() / name;
    made.data = {folder.path() / "sft.h5"};
    return made;
  };
  TrainPolicy(order("alone"), options, {}, *MakeSoloCollectives(), {});
  RunOverNccl(3, true,
              [&](Collectives& group) { TrainPolicy(order("nccl"), options, {}, group, {}); });
  CHECK(ReadFile(folder.path() / "nccl" / "model.safetensors") ==
        ReadFile(folder.path() / "alone" / "model.safetensors"));
}

// What the members other than `silent` say when it leaves after joining.
std::vector<std::string> Complaints(int size, int silent) {
  std::mutex mutex;
  std::vector<std::string> complaints;
  const auto all = RandomLeaves(4, 4 * kBlock);
  RunOverNccl(
      size, true,
      [&](Collectives& group) {
        if (group.rank() == silent) return;
        try {
          SumByGroup(group, LayOut(4 * kBlock, 4, size, kBlock), all);
          FAIL("nobody was missed");
        } catch (const Error& error) {
          CHECK(error.code() == ExitCode::kTrainersLost);
          const std::lock_guard lock(mutex);
          complaints.emplace_back(error.what());
        }
      },
      0.4);
  return complaints;
}

TEST_CASE(
    "A peer that never arrives: the deadline passes, the communicator is aborted, it is named") {
  const double start = MonotonicSeconds();
  fake_nccl::aborts = 0;
  const auto complaints = Complaints(3, 1);
  CHECK(complaints.size() == 2);
  for (const std::string& text : complaints) {
    CHECK(text.find("waiting for the gradients of the other ranks") != std::string::npos);
    CHECK_MESSAGE(text.find("rank 1 did not answer") != std::string::npos, text);
  }
  CHECK(fake_nccl::aborts == 3);  // Two for cause, one at the orderly end of the third.
  CHECK(MonotonicSeconds() - start < 10);
}

TEST_CASE("An error that NCCL reports ends the wait at once, by abort and exit code 76") {
  fake_nccl::aborts = 0;
  std::atomic<int> lost = 0;
  const double start = MonotonicSeconds();
  RunOverNccl(
      2, true,
      [&](Collectives& group) {
        Barrier(group);
        if (group.rank() == 1) return;
        fake_nccl::health = ncclRemoteError;
        try {
          SumByGroup(group, LayOut(2 * kBlock, 2, 2, kBlock), RandomLeaves(2, 2 * kBlock));
        } catch (const Error& error) {
          lost += error.code() == ExitCode::kTrainersLost;
          CHECK(std::string(error.what()).find("remote process") != std::string::npos);
          CHECK(fake_nccl::aborts >= 1);
        }
      },
      2);
  fake_nccl::health = ncclSuccess;
  CHECK(lost == 1);
  CHECK(MonotonicSeconds() - start < 20);
}

TEST_CASE("A member that never joins is a lost group too") {
  std::atomic<int> lost = 0;
  RunOnLinks(3, [&](PeerLink& link) {
    if (link.rank() == 2) {
      link.Send(0, 11, "host");  // It asks to join, and is not heard of again.
      return;
    }
    try {
      MakeNcclCollectives(link, {0.4, true}, kFake);
    } catch (const Error& error) {
      lost += error.code() == ExitCode::kTrainersLost;
      CHECK(std::string(error.what()).find("joining the group") != std::string::npos);
    }
  });
  CHECK(lost == 2);
}

TEST_CASE("Without a GPU NCCL says so, and training falls back to host memory") {
  ThreadGroup group(2);
  int devices = 0;
  if (NcclLibrary().GetDeviceCount(&devices) == cudaSuccess && devices > 0) {
    MESSAGE("skipped: this machine has a GPU");
    return;
  }
  try {
    MakeNcclCollectives(group.link(0), {});
    FAIL("found a GPU");
  } catch (const Error& error) {
    CHECK(std::string(error.what()).find("need a GPU and none is usable") != std::string::npos);
  }
  TrainOptions options;
  options.device = Device::kGpu;
  const auto collectives = MakeCollectives(group.link(0), options, 10);
  CHECK(collectives->device() == -1);
  CHECK(collectives->size() == 2);
}

}  // namespace
}  // namespace gradus
