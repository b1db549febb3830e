#pragma once
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "orchestrator/cluster/coordinator.h"
#include "orchestrator/record/display.h"
#include "orchestrator/record/recorder.h"
#include "orchestrator/rounds/config.h"
#include "schemas/problem.h"
#include "schemas/run_files.h"
#include "workers/environments/environment.h"

namespace gradus {

// Everything rank 0 holds while a run goes on.
struct Campaign {
  Config config;
  std::string config_digest;
  RunFiles files;
  std::vector<Problem> problems;              // Searched; keys index into it.
  std::vector<Problem> held_out;              // Evaluated; keys index into it.
  std::vector<Demonstration> demonstrations;  // Of the bootstrap.
  const Environment& environment;
  Recorder& recorder;
  Coordinator& coordinator;
  Display& display;
  std::function<bool()> stop;  // A stop was asked for.
};

// What a round works on, decided before it starts and written to plan.json.
struct RoundPlan {
  RoundIndex round = 0;
  std::vector<std::uint32_t> problems;  // Indices into Campaign::problems, ascending.
  std::filesystem::path policy;         // Model of the search: last round's.
  std::filesystem::path ppm;            // "" when there is none yet.
  std::filesystem::path base;           // Weights this round's fine-tuning starts from.
};

}  // namespace gradus
