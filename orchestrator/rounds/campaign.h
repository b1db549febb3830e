#pragma once
#include <functional>
#include <string>
#include <vector>

#include "orchestrator/record/display.h"
#include "orchestrator/record/recorder.h"
#include "orchestrator/rounds/config.h"
#include "schemas/files/run_files.h"
#include "schemas/problem.h"
#include "workers/environments/environment.h"

namespace gradus {

class Workforce;

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
  Workforce& workforce;
  Display& display;
  std::function<bool()> stop;  // Whether a stop was asked for.
};

}  // namespace gradus
