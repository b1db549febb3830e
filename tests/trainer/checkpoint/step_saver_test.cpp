#include "trainer/checkpoint/step_saver.h"

#include <doctest/doctest.h>

#include <atomic>
#include <string>
#include <vector>

#include "tests/fakes/training_place.h"

namespace gradus {
namespace {

TEST_CASE("A damaged newest checkpoint costs steps, not bytes; another order's is not resumed") {
  const TrainingPlace place;
  const TrainOrder whole = place.Order("whole"), order = place.Order("damaged");
  RunPolicy(whole, 1);
  StopAfter stop(5);
  CHECK_THROWS_AS(TrainPolicy(order, PolicyOptions(7), {}, *MakeSoloCollectives(), stop.callbacks),
                  Error);
  WriteFileAtomically(order.checkpoints / "step-00000005" / "shard-00000-of-00001.safetensors",
                      "torn");
  std::vector<int> steps;
  TrainCallbacks watch;
  watch.progress = [&](const TrainProgress& progress) { steps.push_back(progress.step); };

  TrainOrder other = place.Order("other");
  other.checkpoints = order.checkpoints;
  other.seed = 6;
  StopAfter at_once(1);
  at_once.callbacks.progress = watch.progress;
  CHECK_THROWS_AS(
      TrainPolicy(other, PolicyOptions(7), {}, *MakeSoloCollectives(), at_once.callbacks), Error);
  CHECK(steps == std::vector<int>{1});

  steps.clear();
  TrainPolicy(order, PolicyOptions(7), {}, *MakeSoloCollectives(), watch);
  CHECK(steps == std::vector<int>{5, 6, 7});
  CHECK(Weights(order) == Weights(whole));
}

TEST_CASE("A damaged shard of any rank costs steps on all of them, not bytes") {
  const TrainingPlace place;
  const TrainOrder whole = place.Order("whole");
  RunPolicy(whole, 1);
  for (int damaged = 0; damaged < 3; ++damaged) {
    const TrainOrder order = place.Order("damaged" + std::to_string(damaged));
    StopGroupAfter(order, PolicyOptions(7), 3, 5);
    const fs::path shard = order.checkpoints / "step-00000005" /
                           ("shard-0000" + std::to_string(damaged) + "-of-00003.safetensors");
    std::string bytes = ReadFile(shard);
    bytes.back() = char(bytes.back() ^ 4);
    WriteFileAtomically(shard, bytes);
    CHECK(RunPolicy(order, 2) == 5);  // Resumed from step 4.
    CHECK(Weights(order) == Weights(whole));
  }
}

TEST_CASE("A checkpoint that cannot be written ends training on every rank with the reason") {
  const TrainingPlace place;
  TrainOrder order = place.Order("full");
  WriteFileAtomically(place.folder.path() / "in-the-way", "");
  order.checkpoints = place.folder.path() / "in-the-way" / "steps";
  std::atomic<int> told = 0;
  RunAsGroup(3, [&](Collectives& group) {
    try {
      TrainPolicy(order, PolicyOptions(7), {}, group, {});
    } catch (const Error& error) {
      told += std::string(error.what()).find("could not be written by rank 0") != std::string::npos;
    }
  });
  CHECK(told == 3);
  CHECK_FALSE(fs::exists(order.output));
}

}  // namespace
}  // namespace gradus
