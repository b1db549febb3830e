#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "trainer/adamw.h"
#include "trainer/train.h"

namespace gradus {

// Everything a training run is between two steps.
struct TrainerState {
  int step = 0;  // Steps done.
  TrainReport report;
  std::vector<float> values;
  AdamMoments moments;
};

// The step checkpoints of one training order: folders step-00000100 with state.safetensors (values,
// first and second moments) and step.json (step, counters, order digest, SHA-256 over both).
// Written by temporary name and rename; the newest two are kept.
class StepCheckpoints {
 public:
  // An empty folder path: no checkpoints. `order_digest` names the order, so that another order's
  // are never resumed.
  StepCheckpoints(std::filesystem::path folder, std::string order_digest);
  bool enabled() const { return !folder_.empty(); }
  void Save(const TrainerState& state) const;
  // The newest step whose checkpoint is whole and of this order. One that is not is logged and
  // passed over.
  std::optional<TrainerState> LoadNewest() const;
  // Throws Error when it is damaged, missing or of another order.
  TrainerState Load(int step) const;
  // Deletes all checkpoints: the order is done.
  void Clear() const;

 private:
  std::filesystem::path FolderOf(int step) const;
  std::vector<int> Steps() const;  // Newest first.

  std::filesystem::path folder_;
  std::string order_digest_;
};

}  // namespace gradus
