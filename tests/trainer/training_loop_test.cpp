#include "trainer/training_loop.h"

#include <doctest/doctest.h>

#include <atomic>
#include <string>

#include "tests/fakes/training_place.h"

namespace gradus {
namespace {

TEST_CASE("Stopped at any step and resumed on another number of ranks, the bytes are the same") {
  const TrainingPlace place;
  const TrainOrder whole = place.Order("whole");
  RunPolicy(whole, 1);
  int ranks = 1;
  for (int steps = 1; steps <= 6; ++steps) {
    const TrainOrder order = place.Order("stopped" + std::to_string(steps));
    StopAfter stop(steps);
    try {
      TrainPolicy(order, PolicyOptions(7), {}, *MakeSoloCollectives(), stop.callbacks);
      FAIL("was not stopped");
    } catch (const Error& error) {
      CHECK(error.code() == ExitCode::kStopped);
    }
    CHECK_FALSE(fs::exists(order.output));
    ranks = 1 + ranks % 4;
    CHECK(RunPolicy(order, ranks) == steps + 1);
    CHECK_MESSAGE(Weights(order) == Weights(whole), "stopped after ", steps, ", resumed on ",
                  ranks);
  }
}

TEST_CASE("When one rank of a group is asked to stop, all stop at the same step") {
  const TrainingPlace place;
  const TrainOrder order = place.Order("stopped");
  std::atomic<int> stopped = 0, steps = 0;
  RunAsGroup(3, [&](Collectives& group) {
    TrainCallbacks callbacks;
    int done = 0;
    callbacks.progress = [&](const TrainProgress& progress) { done = progress.step; };
    callbacks.stop = [&] { return group.rank() == 1 && done >= 3; };
    try {
      TrainPolicy(order, PolicyOptions(7), {}, group, callbacks);
    } catch (const Error& error) {
      stopped += error.code() == ExitCode::kStopped;
      steps += done;
    }
  });
  CHECK(stopped == 3);
  CHECK(steps == 12);
}

TEST_CASE(
    "A member that leaves is missed: the others end with Error(kTrainersLost) and resume without "
    "it") {
  const TrainingPlace place;
  const TrainOrder whole = place.Order("whole"), order = place.Order("lost");
  RunPolicy(whole, 1);
  std::atomic<int> lost = 0;
  RunAsGroup(
      3,
      [&](Collectives& group) {
        TrainCallbacks callbacks;
        callbacks.progress = [&](const TrainProgress& progress) {
          if (group.rank() == 2 && progress.step == 4) throw Error("killed", ExitCode::kInternal);
        };
        try {
          TrainPolicy(order, PolicyOptions(7), {}, group, callbacks);
        } catch (const Error& error) {
          lost += error.code() == ExitCode::kTrainersLost;
        }
      },
      1.0);
  CHECK(lost == 2);
  CHECK(RunPolicy(order, 2) > 1);
  CHECK(Weights(order) == Weights(whole));
}

TEST_CASE("A group's shards are resumed by any number of ranks to the same bytes") {
  const TrainingPlace place;
  const TrainOrder whole = place.Order("whole");
  RunPolicy(whole, 1);
  for (int before = 2; before <= 4; ++before) {
    for (int after : {1, 2, 3, 5}) {
      const TrainOrder order = place.Order(std::to_string(before) + "to" + std::to_string(after));
      StopGroupAfter(order, PolicyOptions(7), before, 3);
      CHECK(fs::exists(order.checkpoints / "step-00000003" /
                       ("shard-00001-of-0000" + std::to_string(before) + ".safetensors")));
      CHECK(RunPolicy(order, after) == 4);
      CHECK_MESSAGE(Weights(order) == Weights(whole), before, " to ", after);
    }
  }
}

TEST_CASE("A gradient that is not finite is skipped and counted, and leaves the weights alone") {
  const TrainingPlace place;
  TrainOptions options = PolicyOptions(3);
  options.optimizer.lr =
      1e30;  // The first update blows the weights up; every later gradient is not finite.
  const TrainReport report =
      TrainPolicy(place.Order("wild"), options, {}, *MakeSoloCollectives(), {});
  CHECK(report.skipped_steps == 2);
}

TEST_CASE(
    "Steps skipped in a row are alarmed on, and too many of them are an error on every rank") {
  const TrainingPlace place;
  TrainOptions options = PolicyOptions(7);
  options.optimizer.lr = 1e30;
  options.max_skipped_steps = 3;
  std::atomic<int> alarms = 0, ended = 0;
  RunAsGroup(2, [&](Collectives& group) {
    TrainCallbacks callbacks;
    callbacks.alarm = [&](const std::string& text) {
      alarms += text.find("steps in a row were skipped") != std::string::npos;
    };
    try {
      TrainPolicy(place.Order("wild"), options, {}, group, callbacks);
    } catch (const Error& error) {
      ended += error.code() == ExitCode::kBadInput &&
               std::string(error.what()).find("4 steps in a row") != std::string::npos;
    }
  });
  CHECK(alarms == 2 * 2);  // At the second and the third.
  CHECK(ended == 2);
}

}  // namespace
}  // namespace gradus
