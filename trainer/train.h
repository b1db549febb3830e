#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "schemas/base/seed.h"
#include "schemas/files/training_row.h"
#include "trainer/collectives/collectives.h"
#include "trainer/options.h"
#include "trainer/train_progress.h"

namespace gradus {

struct TrainOrder {
  std::filesystem::path model;        // Start weights (Hugging Face folder).
  std::filesystem::path output;       // Published by rank 0 when done (temporary folder + rename).
  std::filesystem::path checkpoints;  // Step checkpoints of this order; resumed from when present.
  std::vector<std::filesystem::path> data;  // sft.h5 files, or one pairs.h5.
  std::filesystem::path held_out;           // PPM only: pairs file, may be empty.
  Seed seed = 0;
};

struct TrainCallbacks {
  std::function<void(const TrainProgress&)> progress;  // Called on every rank after every step.
  std::function<bool()> stop;  // True: write a step checkpoint and throw Error(kStopped).
  std::function<void(const std::string&)> alarm;  // Steps skipped again and again; on every rank.
};

// Fine-tunes the policy on supervised rows. The same bytes come out on any number of ranks and
// after any resume.
TrainReport TrainPolicy(const TrainOrder& order, const TrainOptions& options,
                        const CurriculumStage& stage, Collectives& group,
                        const TrainCallbacks& callbacks);
// Trains the PPM: trunk of order.model with a scalar head, on pairs, by one of the objectives.
TrainReport TrainPpm(const TrainOrder& order, const PpmTrainOptions& options, Collectives& group,
                     const TrainCallbacks& callbacks);

}  // namespace gradus
