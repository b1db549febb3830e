#include "orchestrator/rounds/config.h"

#include <algorithm>

#include "orchestrator/measure/evaluation.h"
#include "orchestrator/rounds/recipe.h"
#include "schemas/base/file.h"
#include "schemas/base/settings.h"
#include "workers/models/hf_folder.h"

namespace gradus {
extern const char kRstarMathPreset[];
extern const char kRstarMathReferencePreset[];
namespace {

struct Preset {
  const char* name;
  const char* text;
};

const std::vector<Preset>& Presets() {
  static const std::vector<Preset> presets = {{"rstar_math", kRstarMathPreset},
                                              {"rstar_math_reference", kRstarMathReferencePreset}};
  return presets;
}

void BindRun(Settings& s, RunOptions& o) {
  s.Field("name", o.name, "name of the run; default: the configuration file's name");
  s.Field("folder", o.folder, "the run directory is folder/name");
  s.Field("seed", o.seed, "every random draw of the run derives from it");
  s.Field("rounds", o.rounds, {0, 9999}, "rounds of expert iteration after the bootstrap");
  s.Field("trees_per_shard", o.trees_per_shard, {1, 1e6}, "trees in one HDF5 shard");
}

void BindProblems(Settings& s, ProblemOptions& o) {
  s.Field("train", o.train, "problem file searched in each round (JSON lines)");
  s.Field("limit", o.limit, {0, 1e9}, "first so many problems of the file; 0: all");
  s.Field("min_level", o.min_level, {0, 1e6}, "lowest level drawn, by round");
  s.Field("max_level", o.max_level, {0, 1e6}, "highest level drawn, by round; 0: no restriction");
  s.Field("per_level", o.per_level, {0, 1e9},
          "fresh problems of each level, by round; 0: all problems, in every round");
}

void BindBootstrap(Settings& s, BootstrapOptions& o) {
  s.Field("demonstrations", o.demonstrations,
          "worked solutions the first policy is trained on; empty: start from policy.init");
  s.Section("train", "fine-tuning on the demonstrations", [&](Settings& t) { Bind(t, o.train); });
  s.Section("curriculum", "easy levels first", [&](Settings& t) { Bind(t, o.curriculum); });
}

void BindPolicy(Settings& s, PolicyOptions& o) {
  s.Field("init", o.init, "Hugging Face folder of the base policy, or random");
  s.Section("random", "shape of a random policy", [&](Settings& t) { Bind(t, o.random); });
  s.Choice(
      "train_from", o.train_from, {{"base", TrainFrom::kBase}, {"previous", TrainFrom::kPrevious}},
      "weights each round's fine-tuning starts from: the bootstrapped base, or the last round's");
  s.Section("train", "fine-tuning of each round", [&](Settings& t) { Bind(t, o.train); });
}

void BindPpm(Settings& s, PpmOptions& o) {
  s.Field("enabled", o.enabled, "train a process preference model in every round");
  Bind(s, o.train);
}

void BindAll(Settings& s, std::string& preset, Config& c) {
  s.Field("preset", preset, "named values this file starts from");
  Bind(s, c);
}

int LevelNumber(const Problem& problem) { return std::atoi(problem.level.c_str()); }

void CheckProblems(const Config& config) {
  if (config.run.rounds > 0 && config.problems.train.empty()) {
    Fail("problems.train is empty: name a problem file (JSON lines with id, problem, answer)");
  }
  if (config.run.rounds == 0) return;
  const std::vector<Problem> problems = LoadProblems(config.problems.train);
  CheckGoals(config, config.problems.train, problems);
  if (config.problems.max_level.At(1) > 0 &&
      std::all_of(problems.begin(), problems.end(),
                  [](const Problem& p) { return LevelNumber(p) == 0; })) {
    Fail("{}: problems.max_level is set, but no problem has a numeric level",
         config.problems.train);
  }
}

}  // namespace

void Bind(Settings& s, Config& c) {
  s.Section("run", "the run", [&](Settings& t) { BindRun(t, c.run); });
  s.Section("problems", "what is searched", [&](Settings& t) { BindProblems(t, c.problems); });
  s.Section("bootstrap", "round 0", [&](Settings& t) { BindBootstrap(t, c.bootstrap); });
  s.Section("policy", "the model", [&](Settings& t) { BindPolicy(t, c.policy); });
  s.Section("environment", "how text becomes steps",
            [&](Settings& t) { Bind(t, c.rollout.environment); });
  s.Section("search", "how solutions are found", [&](Settings& t) { Bind(t, c.rollout.search); });
  s.Section("engine", "generation", [&](Settings& t) { Bind(t, c.rollout.engine); });
  s.Section("verifier", "what runs steps and judges answers",
            [&](Settings& t) { Bind(t, c.rollout.verifier); });
  s.Section("execution", "Python", [&](Settings& t) { Bind(t, c.rollout.verifier.python); });
  s.Section("checker", "your own checker, for verifier.kind: command",
            [&](Settings& t) { Bind(t, c.rollout.verifier.command); });
  s.Section("selection", "which trajectories and pairs become training rows",
            [&](Settings& t) { Bind(t, c.selection); });
  s.Section("ppm", "the process preference model", [&](Settings& t) { BindPpm(t, c.ppm); });
  s.Section("control", "the same optimiser steps on the demonstrations only", [&](Settings& t) {
    t.Field("enabled", c.control.enabled, "train and evaluate the control in every round");
  });
  s.Section("evaluation", "held-out problems", [&](Settings& t) { Bind(t, c.evaluation); });
  s.Section("cluster", "ranks, leases and deadlines", [&](Settings& t) { Bind(t, c.cluster); });
}

std::string PresetText(const std::string& name) {
  std::string known;
  for (const Preset& preset : Presets()) {
    if (preset.name == name) return preset.text;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", preset.name);
  }
  Fail("unknown preset '{}'; known: {}", name, known);
}

Config LoadConfig(const std::filesystem::path& file, const std::vector<std::string>& overrides) {
  SettingsFile settings(ReadFile(file), file.string());
  for (const std::string& override_text : overrides) settings.Override(override_text);
  Config config;
  std::string preset = settings.Peek("preset");
  if (!preset.empty()) {
    SettingsFile base(PresetText(preset), "preset " + preset);
    const std::unique_ptr<Settings> reader = base.Reader();
    Bind(*reader, config);
    reader->Finish();
  }
  const std::unique_ptr<Settings> reader = settings.Reader();
  BindAll(*reader, preset, config);
  reader->Finish();
  if (config.run.name.empty()) config.run.name = file.stem().string();
  return config;
}

Config ParseConfig(const std::string& resolved_yaml) {
  SettingsFile settings(resolved_yaml, "config.yaml");
  Config config;
  const std::unique_ptr<Settings> reader = settings.Reader();
  Bind(*reader, config);
  reader->Finish();
  return config;
}

std::string PrintConfig(const Config& config) {
  SettingsPrinter printer(SettingsPrinter::Comments::kWith);
  Config copy = config;
  Bind(printer.root(), copy);
  return printer.Text();
}

void CheckConfig(const Config& config) {
  CheckFit(config);
  CheckProblems(config);
  CheckOptions(config.ppm.train);
  if (config.policy.init != "random") CheckModelFolder(config.policy.init);
  if (!config.bootstrap.demonstrations.empty()) LoadDemonstrations(config.bootstrap.demonstrations);
  if (config.bootstrap.demonstrations.empty()) {
    if (config.control.enabled) Fail("control.enabled needs bootstrap.demonstrations");
    if (config.selection.include_demonstrations) {
      Fail("selection.include_demonstrations needs bootstrap.demonstrations");
    }
  }
  if (!config.evaluation.problems.empty()) {
    CheckGoals(config, config.evaluation.problems, LoadProblems(config.evaluation.problems));
  }
}

SearchSpec SpecFor(const Config& config, const Key& key) {
  const SearchOptions& o = config.rollout.search;
  const auto round = static_cast<RoundIndex>(key.round);
  SearchSpec spec;
  if (key.phase == Phase::kEvaluate) {
    const auto method = static_cast<EvalMethod>(key.attempt);
    spec.blind = true;
    switch (method) {
      case EvalMethod::kGreedy:
      case EvalMethod::kControlGreedy:
        spec = {SearchMethod::kGreedy, 1, 1, Annotation::kTerminal, 0.0, true};
        break;
      case EvalMethod::kSample:
        spec = {SearchMethod::kSample,
                1,
                config.evaluation.samples,
                Annotation::kTerminal,
                o.temperature.At(std::max(round, 2)),
                true};
        break;
      case EvalMethod::kSearch:
        spec = {
            SearchMethod::kMcts, config.evaluation.candidates,         config.evaluation.rollouts,
            Annotation::kPpm,    o.temperature.At(std::max(round, 2)), true};
        break;
    }
    return spec;
  }
  spec.method = o.method.At(round);
  spec.candidates = o.candidates.At(round);
  spec.rollouts = o.rollouts.At(round);
  // The PPM of the round before leads this round's search; the first round has none.
  spec.annotation =
      round > 1 && config.ppm.enabled ? o.annotation.At(round) : Annotation::kTerminal;
  spec.temperature = o.temperature.At(round);
  if (key.phase == Phase::kRolloutHard) {
    const bool last = static_cast<int>(key.attempt) == o.hard_attempts.At(round);
    spec.rollouts = o.hard_rollouts.At(round);
    if (last && o.last_rollouts.At(round) > 0) spec.rollouts = o.last_rollouts.At(round);
  }
  return spec;
}

}  // namespace gradus
