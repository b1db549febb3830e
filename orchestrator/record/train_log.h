#pragma once
#include <filesystem>
#include <fstream>

#include "schemas/files/event_file.h"
#include "trainer/train_progress.h"

namespace gradus {

// The steps of one training, for people: a line each in FOLDER/steps.jsonl, and scalars for
// TensorBoard beside it. Both are appended to, so that a resumed training goes on in the same
// folder.
class TrainLog {
 public:
  // Throws Error when the folder cannot be made or written.
  explicit TrainLog(const std::filesystem::path& folder);
  void Add(const TrainProgress& progress);

 private:
  std::ofstream lines_;
  EventFile events_;
};

}  // namespace gradus
