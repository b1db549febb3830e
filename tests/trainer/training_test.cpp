#include "trainer/train.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <mutex>

#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "schemas/base/log.h"
#include "tests/fakes/temp_folder.h"
#include "tests/fakes/thread_group.h"
#include "tests/fakes/training_data.h"

namespace gradus {
namespace {

// A folder with a tiny model, supervised rows and pairs, and an order on them.
struct Workplace {
  Workplace() {
    MakeTinyModel(folder.path() / "model");
    WriteSftRows(folder.path() / "sft.h5", RandomSftRows(30, 3));
    WritePairs(folder.path() / "pairs.h5", RandomPairs(30, 3));
  }
  TrainOrder Order(const std::string& output, const char* data = "sft.h5") const {
    TrainOrder order;
    order.model = folder.path() / "model";
    order.output = folder.path() / output;
    order.checkpoints = folder.path() / (output + "-steps");
    order.data = {folder.path() / data};
    order.seed = 5;
    return order;
  }
  TempFolder folder;
};

TrainOptions Options(int steps, TrainOptions options = {}) {
  options.optimizer.lr = 3e-3;
  options.optimizer.weight_decay = 0.1;
  options.steps = steps;
  options.batch = 6;
  options.micro_batches = 4;
  options.checkpoint_steps = 2;
  return options;
}

std::string Weights(const TrainOrder& order) {
  const fs::path head = order.output / "value_head.safetensors";
  return ReadFile(order.output / "model.safetensors") + (fs::exists(head) ? ReadFile(head) : "");
}

void RunPolicy(const TrainOrder& order, int ranks, const TrainCallbacks& callbacks = {}) {
  RunAsGroup(ranks,
             [&](Collectives& group) { TrainPolicy(order, Options(7), {}, group, callbacks); });
}

void RunPpm(const TrainOrder& order, int ranks) {
  PpmTrainOptions options;
  options.train = Options(7, options.train);
  RunAsGroup(ranks, [&](Collectives& group) { TrainPpm(order, options, group, {}); });
}

// Stops as soon as `steps` are done on the rank that asks.
struct StopAfter {
  explicit StopAfter(int steps) {
    callbacks.stop = [this, steps] { return ++asked >= steps; };
  }
  std::atomic<int> asked = 0;
  TrainCallbacks callbacks;
};

TEST_CASE("A trained policy has the same bytes on 1, 2, 3, 4 and 5 ranks") {
  const Workplace place;
  const TrainOrder alone = place.Order("alone");
  TrainPolicy(alone, Options(7), {}, *MakeSoloCollectives(), {});
  CHECK(Weights(alone) != ReadFile(alone.model / "model.safetensors"));
  for (int ranks = 1; ranks <= 5; ++ranks) {
    const TrainOrder order = place.Order("ranks" + std::to_string(ranks));
    RunPolicy(order, ranks);
    CHECK_MESSAGE(Weights(order) == Weights(alone), ranks, " ranks");
    CHECK_FALSE(fs::exists(order.checkpoints));
  }
}

TEST_CASE("A trained PPM has the same bytes on 1, 2 and 3 ranks") {
  const Workplace place;
  const TrainOrder alone = place.Order("alone", "pairs.h5");
  RunPpm(alone, 1);
  for (int ranks = 2; ranks <= 3; ++ranks) {
    const TrainOrder order = place.Order("ranks" + std::to_string(ranks), "pairs.h5");
    RunPpm(order, ranks);
    CHECK(Weights(order) == Weights(alone));
  }
}

TEST_CASE("Recomputing activations gives the same bytes; small packs give the same loss") {
  const Workplace place;
  const TrainOrder plain = place.Order("plain"), recomputed = place.Order("recomputed");
  TrainPolicy(plain, Options(7), {}, *MakeSoloCollectives(), {});
  TrainOptions options = Options(7);
  options.recompute = true;
  TrainPolicy(recomputed, options, {}, *MakeSoloCollectives(), {});
  CHECK(Weights(recomputed) == Weights(plain));

  std::vector<double> losses;
  for (int capacity : {0, 30, 1}) {
    options.pack_tokens = capacity;
    const TrainOrder order = place.Order("packs" + std::to_string(capacity));
    losses.push_back(TrainPolicy(order, options, {}, *MakeSoloCollectives(), {}).last_loss);
  }
  CHECK(losses[1] == doctest::Approx(losses[0]).epsilon(1e-5));
  CHECK(losses[2] == doctest::Approx(losses[0]).epsilon(1e-5));
}

TEST_CASE("Stopped at any step and resumed on another number of ranks, the bytes are the same") {
  const Workplace place;
  const TrainOrder whole = place.Order("whole");
  RunPolicy(whole, 1);
  int ranks = 1;
  for (int steps = 1; steps <= 6; ++steps) {
    const TrainOrder order = place.Order("stopped" + std::to_string(steps));
    StopAfter stop(steps);
    try {
      TrainPolicy(order, Options(7), {}, *MakeSoloCollectives(), stop.callbacks);
      FAIL("was not stopped");
    } catch (const Error& error) {
      CHECK(error.code() == ExitCode::kStopped);
    }
    CHECK_FALSE(fs::exists(order.output));
    ranks = 1 + ranks % 4;
    RunPolicy(order, ranks);
    CHECK_MESSAGE(Weights(order) == Weights(whole), "stopped after ", steps, ", resumed on ",
                  ranks);
  }
}

TEST_CASE("When one rank of a group is asked to stop, all stop at the same step") {
  const Workplace place;
  const TrainOrder order = place.Order("stopped");
  std::atomic<int> stopped = 0, steps = 0;
  RunAsGroup(3, [&](Collectives& group) {
    TrainCallbacks callbacks;
    int done = 0;
    callbacks.progress = [&](const TrainProgress& progress) { done = progress.step; };
    callbacks.stop = [&] { return group.rank() == 1 && done >= 3; };
    try {
      TrainPolicy(order, Options(7), {}, group, callbacks);
    } catch (const Error& error) {
      stopped += error.code() == ExitCode::kStopped;
      steps += done;
    }
  });
  CHECK(stopped == 3);
  CHECK(steps == 12);
}

TEST_CASE("A damaged newest checkpoint costs steps, not bytes; another order's is not resumed") {
  const Workplace place;
  const TrainOrder whole = place.Order("whole"), order = place.Order("damaged");
  RunPolicy(whole, 1);
  StopAfter stop(5);
  CHECK_THROWS_AS(TrainPolicy(order, Options(7), {}, *MakeSoloCollectives(), stop.callbacks),
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
  CHECK_THROWS_AS(TrainPolicy(other, Options(7), {}, *MakeSoloCollectives(), at_once.callbacks),
                  Error);
  CHECK(steps == std::vector<int>{1});

  steps.clear();
  TrainPolicy(order, Options(7), {}, *MakeSoloCollectives(), watch);
  CHECK(steps == std::vector<int>{5, 6, 7});
  CHECK(Weights(order) == Weights(whole));
}

TEST_CASE(
    "A member that leaves is missed: the others end with Error(kTrainersLost) and resume without "
    "it") {
  const Workplace place;
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
          TrainPolicy(order, Options(7), {}, group, callbacks);
        } catch (const Error& error) {
          lost += error.code() == ExitCode::kTrainersLost;
        }
      },
      1.0);
  CHECK(lost == 2);
  RunPolicy(order, 2);
  CHECK(Weights(order) == Weights(whole));
}

// Trains until `steps` are done on all ranks, and stops there.
void StopGroupAfter(const TrainOrder& order, const TrainOptions& options, int ranks, int steps) {
  RunAsGroup(ranks, [&](Collectives& group) {
    int done = 0;
    TrainCallbacks callbacks;
    callbacks.progress = [&](const TrainProgress& progress) { done = progress.step; };
    callbacks.stop = [&] { return done + 1 >= steps; };
    try {
      TrainPolicy(order, options, {}, group, callbacks);
    } catch (const Error& error) {
      if (error.code() != ExitCode::kStopped) throw;
    }
  });
}

TEST_CASE("A group's shards are resumed by any number of ranks to the same bytes") {
  const Workplace place;
  const TrainOrder whole = place.Order("whole");
  RunPolicy(whole, 1);
  for (int before = 2; before <= 4; ++before) {
    for (int after : {1, 2, 3, 5}) {
      const TrainOrder order = place.Order(std::to_string(before) + "to" + std::to_string(after));
      StopGroupAfter(order, Options(7), before, 3);
      CHECK(fs::exists(order.checkpoints / "step-00000003" /
                       ("shard-00001-of-0000" + std::to_string(before) + ".safetensors")));
      RunPolicy(order, after);
      CHECK_MESSAGE(Weights(order) == Weights(whole), before, " to ", after);
    }
  }
}

TEST_CASE("A damaged shard of any rank costs steps on all of them, not bytes") {
  const Workplace place;
  const TrainOrder whole = place.Order("whole");
  RunPolicy(whole, 1);
  for (int damaged = 0; damaged < 3; ++damaged) {
    const TrainOrder order = place.Order("damaged" + std::to_string(damaged));
    StopGroupAfter(order, Options(7), 3, 5);
    const fs::path shard = order.checkpoints / "step-00000005" /
                           ("shard-0000" + std::to_string(damaged) + "-of-00003.safetensors");
    std::string bytes = ReadFile(shard);
    bytes.back() = char(bytes.back() ^ 4);
    WriteFileAtomically(shard, bytes);
    std::atomic<int> first = 0;
    RunAsGroup(2, [&](Collectives& group) {
      TrainCallbacks callbacks;
      callbacks.progress = [&](const TrainProgress& progress) {
        int none = 0;
        first.compare_exchange_strong(none, progress.step);
      };
      TrainPolicy(order, Options(7), {}, group, callbacks);
    });
    CHECK(first == 5);  // Resumed from step 4.
    CHECK(Weights(order) == Weights(whole));
  }
}

TEST_CASE("A checkpoint that cannot be written ends training on every rank with the reason") {
  const Workplace place;
  TrainOrder order = place.Order("full");
  WriteFileAtomically(place.folder.path() / "in-the-way", "");
  order.checkpoints = place.folder.path() / "in-the-way" / "steps";
  std::atomic<int> told = 0;
  RunAsGroup(3, [&](Collectives& group) {
    try {
      TrainPolicy(order, Options(7), {}, group, {});
    } catch (const Error& error) {
      told += std::string(error.what()).find("could not be written by rank 0") != std::string::npos;
    }
  });
  CHECK(told == 3);
  CHECK_FALSE(fs::exists(order.output));
}

TEST_CASE("A bf16 model is trained to the same bytes on any number of ranks and after a resume") {
  const Workplace place;
  TrainOptions options = Options(7);
  options.precision = Precision::kBf16;
  const TrainOrder alone = place.Order("alone");
  const TrainReport report = TrainPolicy(alone, options, {}, *MakeSoloCollectives(), {});
  CHECK(report.last_loss < report.first_loss);
  const TrainOrder exact = place.Order("exact");
  RunPolicy(exact, 1);
  CHECK(Weights(alone) != Weights(exact));
  CHECK(Weights(alone).size() == Weights(exact).size());  // The type of the start folder stays.
  for (int ranks = 2; ranks <= 3; ++ranks) {
    const TrainOrder order = place.Order("ranks" + std::to_string(ranks));
    StopGroupAfter(order, options, ranks, 4);
    RunAsGroup(5 - ranks, [&](Collectives& group) { TrainPolicy(order, options, {}, group, {}); });
    CHECK(Weights(order) == Weights(alone));
  }
}

TEST_CASE("The loss falls on a tiny set, and the report says so") {
  const Workplace place;
  WriteSftRows(place.folder.path() / "few.h5", RandomSftRows(4, 8));
  TrainOptions options = Options(60);
  options.optimizer.lr = 1e-2;
  std::uint64_t tokens = 0;
  TrainCallbacks callbacks;
  callbacks.progress = [&](const TrainProgress& progress) { tokens = progress.tokens; };
  const TrainReport report =
      TrainPolicy(place.Order("fit", "few.h5"), options, {}, *MakeSoloCollectives(), callbacks);
  CHECK(report.steps == 60);
  CHECK(report.first_loss == doctest::Approx(std::log(257)).epsilon(0.2));
  CHECK(report.last_loss < 0.3 * report.first_loss);
  CHECK(report.tokens == tokens);
  CHECK(report.skipped_steps == 0);
}

TEST_CASE("A step tells the same work on any number of ranks, and where its time went") {
  const Workplace place;
  std::vector<std::vector<double>> flops;
  for (int ranks : {1, 3}) {
    flops.emplace_back();
    double seconds = 0;
    TrainCallbacks callbacks;
    std::mutex mutex;
    callbacks.progress = [&](const TrainProgress& progress) {
      const std::lock_guard lock(mutex);
      flops.back().push_back(progress.flops);
      seconds += progress.seconds.Total();
      CHECK(progress.seconds.compute > 0);
      CHECK(progress.slowest_compute > 0);
      CHECK(progress.bound > 0);
      CHECK(progress.ShareOfBound() > 0);
      CHECK(std::isnan(progress.pair_accuracy));
    };
    const double began = MonotonicSeconds();
    RunPolicy(place.Order(fmt::format("work{}", ranks)), ranks, callbacks);
    CHECK(seconds <= ranks * (MonotonicSeconds() - began));
  }
  std::sort(flops[1].begin(), flops[1].end());
  std::sort(flops[0].begin(), flops[0].end());
  REQUIRE(flops[1].size() == 3 * flops[0].size());
  for (std::size_t i = 0; i < flops[1].size(); ++i)
    CHECK(flops[1][i] == doctest::Approx(flops[0][i / 3]));
}

TEST_CASE("A gradient that is not finite is skipped and counted, and leaves the weights alone") {
  const Workplace place;
  TrainOptions options = Options(3);
  options.optimizer.lr =
      1e30;  // The first update blows the weights up; every later gradient is not finite.
  const TrainReport report =
      TrainPolicy(place.Order("wild"), options, {}, *MakeSoloCollectives(), {});
  CHECK(report.skipped_steps == 2);
}

TEST_CASE(
    "Steps skipped in a row are alarmed on, and too many of them are an error on every rank") {
  const Workplace place;
  TrainOptions options = Options(7);
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

TEST_CASE(
    "Rows that are too long or teach nothing are dropped and counted; none left is an error naming "
    "the file") {
  const Workplace place;
  auto rows = RandomSftRows(3, 1);
  rows.push_back(RandomSftRow(65, 1));  // The model has 64 positions.
  rows.push_back(RandomSftRow(10, 1));
  rows.back().mask.assign(10, 0);
  WriteSftRows(place.folder.path() / "mixed.h5", rows);
  const TrainReport report =
      TrainPolicy(place.Order("out", "mixed.h5"), Options(1), {}, *MakeSoloCollectives(), {});
  CHECK(report.dropped_rows == 2);

  WriteSftRows(place.folder.path() / "none.h5", {rows[3], rows[4]});
  try {
    TrainPolicy(place.Order("out", "none.h5"), Options(1), {}, *MakeSoloCollectives(), {});
    FAIL("trained on nothing");
  } catch (const Error& error) {
    CHECK(std::string(error.what()).find("no rows to train on in") != std::string::npos);
    CHECK(std::string(error.what()).find("none.h5") != std::string::npos);
  }
}

TEST_CASE("Tokens outside the vocabulary are refused before training starts") {
  const Workplace place;
  auto rows = RandomSftRows(2, 1);
  rows[1].tokens[0] = 100000;
  WriteSftRows(place.folder.path() / "foreign.h5", rows);
  CHECK_THROWS_AS(
      TrainPolicy(place.Order("out", "foreign.h5"), Options(1), {}, *MakeSoloCollectives(), {}),
      Error);
}

}  // namespace
}  // namespace gradus
