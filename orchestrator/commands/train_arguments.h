#pragma once
#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "orchestrator/selection/json_rows.h"
#include "schemas/base/file.h"
#include "trainer/train.h"

namespace gradus {

// What `gradus train` is asked for.
struct TrainArguments {
  std::string model, held_out, output, log, kind = "sft";
  std::string objective;  // "": the usual one of the kind.
  std::vector<std::string> data;
  JsonRowOptions rows;
  PpmTrainOptions options;
  std::uint64_t seed = 0;
  int progress_steps = 20;
  double deadline_s = 120;
  bool json = false;

  bool IsSft() const { return kind == "sft"; }
  // `options` with the objective.
  PpmTrainOptions Options() const;
  // Rows made of JSON lines and step checkpoints, until the model is published.
  fs::path Work() const { return output + ".training"; }
};

bool IsJsonLines(const fs::path& data);

void AddTrainFlags(CLI::App& command, TrainArguments& arguments);
// Throws Error for flags that contradict each other, or that would do nothing.
void CheckFlags(const TrainArguments& arguments);

}  // namespace gradus
