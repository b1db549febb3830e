#pragma once
#include <doctest/doctest.h>

#include <atomic>
#include <filesystem>
#include <string>

#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "tests/fakes/temp_folder.h"
#include "tests/fakes/thread_group.h"
#include "tests/fakes/training_data.h"
#include "trainer/train.h"

namespace gradus {

// A folder with a tiny model, supervised rows and pairs, and an order on them.
struct TrainingPlace {
  TrainingPlace() {
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

// Seven steps are two and a half epochs, with a checkpoint every second step.
inline TrainOptions PolicyOptions(int steps, TrainOptions options = {}) {
  options.optimizer.lr = 3e-3;
  options.optimizer.weight_decay = 0.1;
  options.steps = steps;
  options.batch = 6;
  options.micro_batches = 4;
  options.checkpoint_steps = 2;
  return options;
}

inline std::string Weights(const TrainOrder& order) {
  const fs::path head = order.output / "value_head.safetensors";
  return ReadFile(order.output / "model.safetensors") + (fs::exists(head) ? ReadFile(head) : "");
}

// Trains a policy to the end; the first step that was trained, later than 1 when it resumed.
inline int RunPolicy(const TrainOrder& order, const TrainOptions& options, int ranks) {
  std::atomic<int> first = 0;
  TrainCallbacks callbacks;
  callbacks.progress = [&](const TrainProgress& progress) {
    int none = 0;
    first.compare_exchange_strong(none, progress.step);
  };
  RunAsGroup(ranks, [&](Collectives& group) { TrainPolicy(order, options, {}, group, callbacks); });
  return first;
}
inline int RunPolicy(const TrainOrder& order, int ranks) {
  return RunPolicy(order, PolicyOptions(7), ranks);
}

// Stops as soon as `steps` are done on the rank that asks.
struct StopAfter {
  explicit StopAfter(int steps) {
    callbacks.stop = [this, steps] { return ++asked >= steps; };
  }
  std::atomic<int> asked = 0;
  TrainCallbacks callbacks;
};

// Trains until `steps` are done on all ranks, and stops there; on which all of them agree.
inline void StopGroupAfter(const TrainOrder& order, const TrainOptions& options, int ranks,
                           int steps) {
  std::atomic<int> stopped = 0;
  RunAsGroup(ranks, [&](Collectives& group) {
    int done = 0;
    TrainCallbacks callbacks;
    callbacks.progress = [&](const TrainProgress& progress) { done = progress.step; };
    callbacks.stop = [&] { return done + 1 >= steps; };
    try {
      TrainPolicy(order, options, {}, group, callbacks);
    } catch (const Error& error) {
      if (error.code() != ExitCode::kStopped) throw;
      ++stopped;
    }
  });
  CHECK(stopped == ranks);
}

}  // namespace gradus
