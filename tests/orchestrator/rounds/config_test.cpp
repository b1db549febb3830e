#include "orchestrator/rounds/config.h"

#include <doctest/doctest.h>

#include "schemas/base/file.h"
#include "schemas/base/settings.h"
#include "tests/fakes/temp_folder.h"

using namespace gradus;

namespace {

Config FromText(const std::string& text, const std::vector<std::string>& overrides = {}) {
  const TempFolder folder;
  const auto file = folder.path() / "my.yaml";
  WriteFileAtomically(file, text);
  return LoadConfig(file, overrides);
}

std::string ErrorOf(const std::string& text, const std::vector<std::string>& overrides = {}) {
  try {
    FromText(text, overrides);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

std::string Printed(const SelectionOptions& options) {
  SettingsPrinter printer(SettingsPrinter::Comments::kWithout);
  SelectionOptions copy = options;
  Bind(printer.root(), copy);
  return printer.Text();
}

}  // namespace

TEST_CASE("The paper's preset sets every switch the paper's way") {
  const Config c = FromText("preset: rstar_math\n");
  const SearchOptions& s = c.rollout.search;
  CHECK(s.candidates.values == std::vector<int>{5, 8, 8, 16});
  CHECK(s.rollouts.values == std::vector<int>{8, 16, 16, 16});
  CHECK(s.annotation.At(2) == Annotation::kTerminal);
  CHECK(s.annotation.At(3) == Annotation::kPpm);
  CHECK(s.c_puct == 2);
  CHECK(s.max_depth == 16);
  CHECK(s.rollout_unit == RolloutUnit::kTrajectory);
  CHECK(s.failed_steps == FailedSteps::kDrop);
  CHECK(s.finishing == Finishing::kKeepAll);
  CHECK(s.unvisited == Unvisited::kFirst);
  CHECK(s.ties == Ties::kSamples);
  CHECK(s.ppm_init == PpmInit::kPrior);
  CHECK(s.backup == Backup::kPerRollout);
  CHECK(c.rollout.environment.error_rule == ErrorRule::kOutcome);
  CHECK(c.rollout.environment.answer_rule == AnswerRule::kMarker);
  CHECK_FALSE(c.rollout.environment.prompt_drift);
  CHECK(c.rollout.environment.output_style == ObservationStyle::kPlain);
  CHECK(c.rollout.engine.ppm_scale == 1);
  CHECK(c.policy.train_from == TrainFrom::kBase);
  CHECK(c.policy.train.optimizer.lr == 7e-6);
  CHECK(c.policy.train.batch == 128);
  CHECK(c.ppm.train.train.batch == 512);
  CHECK(c.ppm.train.train.epochs == 1);
  CHECK(c.ppm.train.normalisation == PpmNormalisation::kMean);
  CHECK(c.ppm.train.tanh_in_loss);
  CHECK(Printed(c.selection) == Printed(PaperSelection()));
}

TEST_CASE("The reference preset sets every switch the released code's way") {
  const Config c = FromText("preset: rstar_math_reference\n");
  const SearchOptions& s = c.rollout.search;
  CHECK(s.candidates.At(1) == 12);
  CHECK(s.rollouts.At(4) == 48);
  CHECK(s.annotation.At(2) == Annotation::kPpm);
  CHECK(s.rollout_unit == RolloutUnit::kWalk);
  CHECK(s.failed_steps == FailedSteps::kTerminal);
  CHECK(s.finishing == Finishing::kFirstOnly);
  CHECK(s.unvisited == Unvisited::kZero);
  CHECK(s.ties == Ties::kFirst);
  CHECK(s.ppm_init == PpmInit::kVisit);
  CHECK(s.backup == Backup::kAtCreation);
  CHECK(c.rollout.environment.error_rule == ErrorRule::kWordError);
  CHECK(c.rollout.environment.answer_rule == AnswerRule::kBoxed);
  CHECK(s.hard_attempts.At(4) == 0);
  CHECK(c.rollout.environment.prompt_drift);
  CHECK(c.rollout.environment.output_style == ObservationStyle::kRstarMath);
  CHECK(c.rollout.engine.ppm_scale == 5);
  CHECK(c.policy.train.max_tokens == 2048);
  CHECK(c.ppm.train.train.epochs == 2);
  CHECK(c.ppm.train.normalisation == PpmNormalisation::kSum);
  CHECK_FALSE(c.ppm.train.tanh_in_loss);
  CHECK(Printed(c.selection) == Printed(ReferenceSelection()));
}

TEST_CASE("A printed configuration reads back to the same configuration") {
  for (const char* preset : {"preset: rstar_math\n", "preset: rstar_math_reference\n", "{}\n"}) {
    const std::string once = PrintConfig(FromText(preset));
    CHECK(PrintConfig(ParseConfig(once)) == once);
  }
}

TEST_CASE("Overrides win over the file, the file over the preset") {
  const Config c =
      FromText("preset: rstar_math\nsearch: {c_puct: 1, max_depth: 4}\n", {"search.c_puct=0.5"});
  CHECK(c.rollout.search.c_puct == 0.5);
  CHECK(c.rollout.search.max_depth == 4);
  CHECK(c.rollout.search.candidates.At(4) == 16);
  CHECK(c.run.name == "my");
}

TEST_CASE("Bad settings name file, line and the nearest key") {
  CHECK(ErrorOf("search:\n  candidats: 3\n").find("my.yaml:2") != std::string::npos);
  CHECK(ErrorOf("search:\n  candidats: 3\n").find("did you mean 'candidates'") !=
        std::string::npos);
  CHECK(ErrorOf("search: {c_puct: -1}\n").find("c_puct") != std::string::npos);
  CHECK(ErrorOf("preset: rstar\n").find("rstar_math_reference") != std::string::npos);
  CHECK(ErrorOf("{}\n", {"serch.c_puct=1"}).find("serch") != std::string::npos);
}

TEST_CASE("Hard problems get new trees, the last attempt of the last round the largest") {
  const Config c = FromText("preset: rstar_math\n");
  CHECK(SpecFor(c, {1, Phase::kRollout, 0, 0}).rollouts == 8);
  CHECK(SpecFor(c, {3, Phase::kRolloutHard, 0, 1}).rollouts == 16);
  CHECK(SpecFor(c, {4, Phase::kRolloutHard, 0, 1}).rollouts == 64);
  CHECK(SpecFor(c, {4, Phase::kRolloutHard, 0, 2}).rollouts == 128);
  CHECK(SeedOf(1, {4, Phase::kRolloutHard, 0, 1}) != SeedOf(1, {4, Phase::kRolloutHard, 0, 2}));
}

TEST_CASE("The PPM leads the search from the round the schedule says, never in the first") {
  Config c = FromText("preset: rstar_math\n");
  CHECK(SpecFor(c, {2, Phase::kRollout, 0, 0}).annotation == Annotation::kTerminal);
  CHECK(SpecFor(c, {3, Phase::kRollout, 0, 0}).annotation == Annotation::kPpm);
  c.rollout.search.annotation.values = {Annotation::kPpm};
  CHECK(SpecFor(c, {1, Phase::kRollout, 0, 0}).annotation == Annotation::kTerminal);
  c.ppm.enabled = false;
  CHECK(SpecFor(c, {3, Phase::kRollout, 0, 0}).annotation == Annotation::kTerminal);
}

TEST_CASE("Evaluation is blind to the truth, and greedy where it says so") {
  const Config c = FromText("preset: rstar_math\n");
  for (std::uint32_t method : {0u, 1u, 2u, 3u})
    CHECK(SpecFor(c, {2, Phase::kEvaluate, 0, method}).blind);
  CHECK(SpecFor(c, {2, Phase::kEvaluate, 0, 0}).temperature == 0);
  CHECK_FALSE(SpecFor(c, {2, Phase::kRollout, 0, 0}).blind);
}

TEST_CASE("hard_rollouts, hard_attempts, last_rollouts: the last round escalates to 64, then 128") {
  const auto rollouts = [](const Config& config, RoundIndex round, std::uint8_t attempt) {
    Key key;
    key.round = round;
    key.phase = attempt == 0 ? Phase::kRollout : Phase::kRolloutHard;
    key.attempt = attempt;
    return SpecFor(config, key).rollouts;
  };
  const Config paper = FromText("preset: rstar_math\n");
  CHECK(rollouts(paper, 1, 0) == 8);
  CHECK(rollouts(paper, 1, 1) == 16);
  CHECK(rollouts(paper, 4, 0) == 16);
  CHECK(rollouts(paper, 4, 1) == 64);
  CHECK(rollouts(paper, 4, 2) == 128);
  const Config plain = FromText("preset: rstar_math\nsearch: {last_rollouts: 0}\n");
  CHECK(rollouts(plain, 4, 2) == 64);
  const Config longer = FromText("preset: rstar_math\nsearch: {hard_attempts: 3}\n");
  CHECK(rollouts(longer, 4, 2) == 64);
  CHECK(rollouts(longer, 4, 3) == 128);
}
