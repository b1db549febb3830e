// TrainPolicy of train.h.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <mutex>
#include <vector>

#include "schemas/base/log.h"
#include "tests/fakes/training_place.h"

namespace gradus {
namespace {

TEST_CASE("A trained policy has the same bytes on 1, 2, 3, 4 and 5 ranks") {
  const TrainingPlace place;
  const TrainOrder alone = place.Order("alone");
  TrainPolicy(alone, PolicyOptions(7), {}, *MakeSoloCollectives(), {});
  CHECK(Weights(alone) != ReadFile(alone.model / "model.safetensors"));
  for (int ranks = 1; ranks <= 5; ++ranks) {
    const TrainOrder order = place.Order("ranks" + std::to_string(ranks));
    RunPolicy(order, ranks);
    CHECK_MESSAGE(Weights(order) == Weights(alone), ranks, " ranks");
    CHECK_FALSE(fs::exists(order.checkpoints));
  }
}

TEST_CASE("Recomputing activations gives the same bytes; small packs give the same loss") {
  const TrainingPlace place;
  const TrainOrder plain = place.Order("plain"), recomputed = place.Order("recomputed");
  TrainPolicy(plain, PolicyOptions(7), {}, *MakeSoloCollectives(), {});
  TrainOptions options = PolicyOptions(7);
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

TEST_CASE("A bf16 model is trained to the same bytes on any number of ranks and after a resume") {
  const TrainingPlace place;
  TrainOptions options = PolicyOptions(7);
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
    CHECK(RunPolicy(order, options, 5 - ranks) == 5);
    CHECK(Weights(order) == Weights(alone));
  }
}

TEST_CASE("The loss falls on a tiny set, and the report says so") {
  const TrainingPlace place;
  WriteSftRows(place.folder.path() / "few.h5", RandomSftRows(4, 8));
  TrainOptions options = PolicyOptions(60);
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
  const TrainingPlace place;
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
    RunAsGroup(ranks, [&](Collectives& group) {
      TrainPolicy(place.Order(fmt::format("work{}", ranks)), PolicyOptions(7), {}, group,
                  callbacks);
    });
    CHECK(seconds <= ranks * (MonotonicSeconds() - began));
  }
  std::sort(flops[1].begin(), flops[1].end());
  std::sort(flops[0].begin(), flops[0].end());
  REQUIRE(flops[1].size() == 3 * flops[0].size());
  for (std::size_t i = 0; i < flops[1].size(); ++i)
    CHECK(flops[1][i] == doctest::Approx(flops[0][i / 3]));
}

TEST_CASE(
    "Rows that are too long or teach nothing are dropped and counted; none left is an error naming "
    "the file") {
  const TrainingPlace place;
  auto rows = RandomSftRows(3, 1);
  rows.push_back(RandomSftRow(65, 1));  // The model has 64 positions.
  rows.push_back(RandomSftRow(10, 1));
  rows.back().mask.assign(10, 0);
  WriteSftRows(place.folder.path() / "mixed.h5", rows);
  const TrainReport report =
      TrainPolicy(place.Order("out", "mixed.h5"), PolicyOptions(1), {}, *MakeSoloCollectives(), {});
  CHECK(report.dropped_rows == 2);

  WriteSftRows(place.folder.path() / "none.h5", {rows[3], rows[4]});
  try {
    TrainPolicy(place.Order("out", "none.h5"), PolicyOptions(1), {}, *MakeSoloCollectives(), {});
    FAIL("trained on nothing");
  } catch (const Error& error) {
    CHECK(std::string(error.what()).find("no rows to train on in") != std::string::npos);
    CHECK(std::string(error.what()).find("none.h5") != std::string::npos);
  }
}

TEST_CASE("Tokens outside the vocabulary are refused before training starts") {
  const TrainingPlace place;
  auto rows = RandomSftRows(2, 1);
  rows[1].tokens[0] = 100000;
  WriteSftRows(place.folder.path() / "foreign.h5", rows);
  CHECK_THROWS_AS(TrainPolicy(place.Order("out", "foreign.h5"), PolicyOptions(1), {},
                              *MakeSoloCollectives(), {}),
                  Error);
}

}  // namespace
}  // namespace gradus
