#include <doctest/doctest.h>

#include <cmath>

#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "tests/fakes/training_place.h"

namespace gradus {
namespace {

PpmTrainOptions Options(int steps) {
  PpmTrainOptions options;
  options.train.optimizer.lr = 3e-3;
  options.train.optimizer.decay = LrDecay::kCosine;
  options.train.steps = steps;
  options.train.batch = 16;
  options.train.micro_batches = 1;
  options.train.checkpoint_steps = 0;
  return options;
}

struct Workplace {
  Workplace(const std::vector<PreferencePair>& pairs, const std::vector<PreferencePair>& held_out) {
    MakeTinyModel(folder.path() / "model");
    order.model = folder.path() / "model";
    order.output = folder.path() / "ppm";
    order.data = {folder.path() / "pairs.h5"};
    order.seed = 2;
    WritePairs(order.data[0], pairs);
    if (held_out.empty()) return;
    order.held_out = folder.path() / "held_out.h5";
    WritePairs(order.held_out, held_out);
  }
  TempFolder folder;
  TrainOrder order;
};

TEST_CASE("A trained PPM has the same bytes on 1, 2 and 3 ranks") {
  const TrainingPlace place;
  const auto run = [](const TrainOrder& order, int ranks) {
    PpmTrainOptions options;
    options.train = PolicyOptions(7, options.train);
    RunAsGroup(ranks, [&](Collectives& group) { TrainPpm(order, options, group, {}); });
  };
  const TrainOrder alone = place.Order("alone", "pairs.h5");
  run(alone, 1);
  for (int ranks = 2; ranks <= 3; ++ranks) {
    const TrainOrder order = place.Order("ranks" + std::to_string(ranks), "pairs.h5");
    run(order, ranks);
    CHECK(Weights(order) == Weights(alone));
  }
}

TEST_CASE("A planted preference is learned on held-out pairs, and shuffled labels teach nothing") {
  const auto held_out = RandomPairs(200, 99);
  const Workplace right(RandomPairs(600, 1), held_out);
  const TrainReport learned = TrainPpm(right.order, Options(150), *MakeSoloCollectives(), {});
  CHECK(learned.held_out_pairs == 200);
  CHECK(learned.pair_accuracy >= 0.95);
  CHECK(learned.last_loss < learned.first_loss);

  const Workplace shuffled(ShuffleLabels(RandomPairs(600, 1), 7), held_out);
  CHECK(TrainPpm(shuffled.order, Options(150), *MakeSoloCollectives(), {}).pair_accuracy <= 0.6);
}

TEST_CASE("The summed loss on raw scores learns the planted preference too") {
  const Workplace place(RandomPairs(400, 1), RandomPairs(100, 99));
  PpmTrainOptions options = Options(120);
  options.normalisation = PpmNormalisation::kSum;
  options.tanh_in_loss = false;
  CHECK(TrainPpm(place.order, options, *MakeSoloCollectives(), {}).pair_accuracy >= 0.95);
}

TEST_CASE("Regression of Q values and correctness of trajectories order held-out pairs too") {
  const auto planted = [](int count, Seed seed) {
    auto pairs = RandomPairs(count, seed);
    for (PreferencePair& pair : pairs) {
      pair.final_step = true;
      pair.q_chosen = 0.8;
      pair.q_rejected = -0.6;
    }
    return pairs;
  };
  const Workplace place(planted(400, 1), planted(100, 99));
  for (const char* objective : {"pqm", "orm"}) {
    PpmTrainOptions options = Options(120);
    options.train.objective = objective;
    const TrainReport report = TrainPpm(place.order, options, *MakeSoloCollectives(), {});
    CHECK(report.pair_accuracy >= 0.95);
    CHECK(report.last_loss < 0.5 * report.first_loss);
  }
}

TEST_CASE("An outcome model trains on whole trajectories alone, and says so when there are none") {
  auto pairs = RandomPairs(3, 1);
  PpmTrainOptions options = Options(2);
  options.train.objective = "orm";
  try {
    TrainPpm(Workplace(pairs, {}).order, options, *MakeSoloCollectives(), {});
    FAIL("trained on steps");
  } catch (const Error& error) {
    CHECK(std::string(error.what()).find("final_answer_pairs") != std::string::npos);
  }
  pairs[1].final_step = true;
  options.train.batch = 1;
  std::vector<std::uint64_t> tokens;
  TrainCallbacks callbacks;
  callbacks.progress = [&](const TrainProgress& progress) {
    tokens.push_back(progress.tokens);
    // One pair a step.
    CHECK((progress.pair_accuracy == 0 || progress.pair_accuracy == 1));
    CHECK(std::isnan(progress.held_out_accuracy));
  };
  TrainPpm(Workplace(pairs, {}).order, options, *MakeSoloCollectives(), callbacks);
  const std::uint64_t own =
      2 * pairs[1].prefix.size() + pairs[1].chosen.size() + pairs[1].rejected.size();
  CHECK(tokens == std::vector<std::uint64_t>{own, 2 * own});
}

TEST_CASE("A mean over a step does not depend on how many pairs it has; a sum does") {
  auto pairs = RandomPairs(1, 1);
  const auto first_loss = [&](const char* objective, PpmNormalisation normalisation, int batch) {
    pairs[0].final_step = true;
    PpmTrainOptions options = Options(1);
    options.train.objective = objective;
    options.normalisation = normalisation;
    options.train.batch = batch;
    return TrainPpm(Workplace(pairs, {}).order, options, *MakeSoloCollectives(), {}).first_loss;
  };
  for (const char* objective : {"bradley_terry", "pqm", "orm"}) {
    const double mean = first_loss(objective, PpmNormalisation::kMean, 1);
    CHECK(first_loss(objective, PpmNormalisation::kMean, 4) == doctest::Approx(mean));
    const double sum = first_loss(objective, PpmNormalisation::kSum, 1);
    CHECK(first_loss(objective, PpmNormalisation::kSum, 4) == doctest::Approx(4 * sum));
  }
}

TEST_CASE("Held-out accuracy is the same number on every rank count; equal sides count half") {
  auto held_out = RandomPairs(40, 99);
  for (PreferencePair& pair : held_out) pair.rejected = pair.chosen;
  const Workplace place(RandomPairs(20, 1), held_out);
  for (int ranks = 1; ranks <= 3; ++ranks) {
    RunAsGroup(ranks, [&](Collectives& group) {
      const TrainReport report = TrainPpm(place.order, Options(1), group, {});
      Require(report.pair_accuracy == 0.5, "equal sides must count half");
    });
  }
}

TEST_CASE("One pair is enough to train on; without held-out pairs the accuracy is no number") {
  const Workplace place(RandomPairs(1, 1), {});
  const TrainReport report = TrainPpm(place.order, Options(3), *MakeSoloCollectives(), {});
  CHECK(report.steps == 3);
  CHECK(std::isnan(report.pair_accuracy));
  CHECK(report.held_out_pairs == 0);
}

TEST_CASE("No pairs, only long ones, or a pair of an empty side is an error") {
  CHECK_THROWS_AS(TrainPpm(Workplace({}, {}).order, Options(1), *MakeSoloCollectives(), {}), Error);
  auto pairs = RandomPairs(1, 1);
  pairs[0].prefix.resize(64, 1);
  CHECK_THROWS_AS(TrainPpm(Workplace(pairs, {}).order, Options(1), *MakeSoloCollectives(), {}),
                  Error);
}

TEST_CASE("keep: best publishes the best measured weights, the same ones after stop and resume") {
  // A learning rate that soon spoils what was learned first.
  PpmTrainOptions options = Options(40);
  options.train.optimizer.lr = 3e-2;
  options.train.optimizer.decay = LrDecay::kConstant;
  options.train.micro_batches = 3;
  options.train.checkpoint_steps = 4;
  options.eval_steps = 3;
  const Workplace place(RandomPairs(100, 1), RandomPairs(60, 99));
  const auto order = [&](const std::string& name) {
    TrainOrder made = place.order;
    made.output = place.folder.path() / name;
    made.checkpoints = place.folder.path() / (name + "-steps");
    return made;
  };
  const auto bytes = [&](const std::string& name) {
    return ReadFile(place.folder.path() / name / "model.safetensors") +
           ReadFile(place.folder.path() / name / "value_head.safetensors");
  };
  const TrainReport last = TrainPpm(order("last"), options, *MakeSoloCollectives(), {});
  CHECK(last.published_step == 40);
  options.keep = Keep::kBest;
  const TrainReport best = TrainPpm(order("best"), options, *MakeSoloCollectives(), {});
  REQUIRE(best.published_step < 40);
  CHECK(best.pair_accuracy >= last.pair_accuracy);
  CHECK(bytes("best") != bytes("last"));

  int ranks = 3;
  for (int stop_at : {best.published_step, best.published_step + 1, 38}) {
    const std::string name = "resumed" + std::to_string(stop_at);
    for (const bool stops : {true, false}) {
      RunAsGroup(ranks = 4 - ranks % 3, [&](Collectives& group) {
        int done = 0, first = 0;
        TrainCallbacks callbacks;
        callbacks.progress = [&](const TrainProgress& progress) {
          done = progress.step;
          if (first == 0) first = done;
        };
        callbacks.stop = [&] { return stops && done + 1 >= stop_at; };
        try {
          const TrainReport report = TrainPpm(order(name), options, group, callbacks);
          Require(report.published_step == best.published_step, "another step is published");
          Require(!stops && first == stop_at + 1, "it did not resume where it was stopped");
        } catch (const Error& error) {
          if (error.code() != ExitCode::kStopped || !stops) throw;
        }
      });
    }
    CHECK_MESSAGE(bytes(name) == bytes("best"), "stopped at ", stop_at);
  }
}

TEST_CASE("keeping the best weights without ever measuring is refused") {
  PpmTrainOptions options;
  options.keep = Keep::kBest;
  CHECK_THROWS_WITH_AS(CheckOptions(options), doctest::Contains("eval_steps"), Error);
  options.eval_steps = 5;
  CHECK_NOTHROW(CheckOptions(options));
}

}  // namespace
}  // namespace gradus
