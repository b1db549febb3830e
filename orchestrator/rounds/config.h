#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "orchestrator/cluster/options.h"
#include "orchestrator/measure/evaluation.h"
#include "orchestrator/selection/selection.h"
#include "trainer/train.h"
#include "workers/models/model_config.h"
#include "workers/rollout_pool.h"

namespace gradus {

class Settings;

struct RunOptions {
  std::string name;             // Default: the configuration file's name.
  std::string folder = "runs";  // The run directory is folder/name.
  std::uint64_t seed = 1;
  int rounds = 4;
  int trees_per_shard = 256;
};

struct ProblemOptions {
  std::string train;             // Problem file of the rollouts.
  int limit = 0;                 // First so many problems of the file; 0: all.
  PerRound<int> min_level{{0}};  // Rounds with a numeric curriculum: levels drawn from.
  PerRound<int> max_level{{0}};  // 0: every level.
  PerRound<int> per_level{
      {0}};  // Problems of each level, not used in an earlier round; 0: all, every round.
};

struct BootstrapOptions {
  std::string demonstrations;  // Demonstration file; "": no bootstrap, round 1 starts from the
                               // initial policy.
  TrainOptions train;
  CurriculumStage curriculum;
};

enum class TrainFrom : std::uint8_t { kBase, kPrevious };

struct PolicyOptions {
  std::string init = "random";  // A Hugging Face folder, or "random" with the shape below.
  RandomModelOptions random;
  TrainFrom train_from = TrainFrom::kBase;
  TrainOptions train;
};

struct PpmOptions {
  bool enabled = true;
  PpmTrainOptions train;
};

// The control: the same optimiser steps on the demonstrations only.
struct ControlOptions {
  bool enabled = false;
};

// The whole configuration of a run. Each part is declared, with its Bind function, in the folder it
// belongs to.
struct Config {
  RunOptions run;
  ProblemOptions problems;
  BootstrapOptions bootstrap;
  PolicyOptions policy;
  RolloutOptions rollout;  // Sections environment, search, engine, verifier, execution.
  SelectionOptions selection;
  PpmOptions ppm;
  ControlOptions control;
  EvaluationOptions evaluation;
  ClusterOptions cluster;
};
void Bind(Settings& settings, Config& config);

// Preset, then the file, then the overrides ("search.c_puct=1.5"). Throws Error with file and line.
// Paths inside the file are taken relative to the working directory.
Config LoadConfig(const std::filesystem::path& file, const std::vector<std::string>& overrides);
Config ParseConfig(const std::string& resolved_yaml);
std::string PrintConfig(const Config& config);

// What must hold between fields and files before a run starts; throws Error.
void CheckConfig(const Config& config);

// YAML text of a preset; throws Error listing the known names.
std::string PresetText(const std::string& name);

// Search settings of one key's tree, a pure function of configuration, round, phase and attempt.
SearchSpec SpecFor(const Config& config, const Key& key);

}  // namespace gradus
