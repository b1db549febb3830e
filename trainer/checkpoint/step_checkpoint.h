#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "trainer/collectives/gradient_layout.h"
#include "trainer/options.h"
#include "trainer/train_progress.h"

namespace gradus {

// What all ranks know between two steps.
struct TrainerState {
  int step = 0;  // Steps done.
  TrainReport report;
  int skipped_in_row = 0;
  int best_step = 0;  // Of the best evaluation; 0: none yet.
  double best_value = 0;
};

// One rank's stretch of the flat buffer: fp32 master weights and AdamW moments, and the master
// weights of the best evaluation, if any. All as long as `range`, `best` empty or so.
struct ShardState {
  ParameterRange range;
  std::vector<float> masters, first_moment, second_moment, best;
};

struct ShardFile {
  std::string name;
  ParameterRange range;
  std::string sha256;
};

// What step.json says.
struct CheckpointManifest {
  TrainerState state;
  std::uint64_t parameters = 0;
  std::vector<ShardFile> shards;  // Tile [0, parameters).
};

// The step checkpoints of one training order: folders step-00000100 with one safetensors file per
// shard and step.json (see docs/file-formats.md). Every rank writes its shard into
// tmp-step-00000100; once all are there, rank 0 writes step.json and renames the folder. The newest
// two are kept. Without a folder: no checkpoints.
class StepCheckpoints {
 public:
  // `order_digest` names the order, so that another order's are never resumed.
  StepCheckpoints(std::filesystem::path folder, std::string order_digest);
  bool enabled() const { return !folder_.empty(); }

  // fsynced and hashed; any thread. REQUIRES: enabled.
  ShardFile WriteShard(int step, int rank, int ranks, const ShardState& shard) const;
  // Rank 0, when all shards are written.
  void Publish(const CheckpointManifest& manifest) const;
  // Rank 0, before anybody writes: deletes what was never published.
  void RemoveUnfinished() const;

  std::vector<int> Steps() const;  // Published, newest first.
  // The text of step.json; throws Error.
  std::string ReadManifest(int step) const;
  // Throws Error when it is damaged, of another order or of a model with another number of
  // parameters.
  CheckpointManifest ParseManifest(const std::string& text, std::uint64_t parameters) const;
  // The stretch `range`, from however many files hold it. Every file that is read is checked
  // against its SHA-256: throws Error naming the damaged one.
  ShardState ReadShard(const CheckpointManifest& manifest, ParameterRange range) const;
  // Deletes all checkpoints: the order is done.
  void Clear() const;

 private:
  std::filesystem::path FolderOf(int step) const;
  std::filesystem::path UnfinishedFolderOf(int step) const;

  std::filesystem::path folder_;
  std::string order_digest_;
};

}  // namespace gradus
