#pragma once
#include <ATen/core/Tensor.h>

#include <future>
#include <optional>
#include <string>
#include <vector>

#include "trainer/checkpoint/step_checkpoint.h"
#include "trainer/collectives/collectives.h"
#include "trainer/optimizer/optimizer_shard.h"

namespace gradus {

// The step checkpoints of a running group: each rank copies its shard and writes it on a thread of
// its own while training goes on. What the writers have to say travels with the reports that the
// ranks exchange after each step; when all shards are there, rank 0 publishes the checkpoint. At
// most one is being written.
class StepSaver {
 public:
  // Collective. `best` is the shard of the best evaluation's weights, undefined: there is none.
  StepSaver(Collectives& group, StepCheckpoints checkpoints, const GradientLayout& layout);
  // Collective: the newest checkpoint that is whole on all ranks is loaded; one that is not is
  // logged with the reason and passed over.
  std::optional<TrainerState> Load(OptimizerShard& optimizer, at::Tensor& best);
  // Collective: starts to write. Waits for the one before, if that is not over.
  void Save(const TrainerState& state, OptimizerShard& optimizer, const at::Tensor& best);
  // What this rank's report to the others must carry, and, from all ranks' reports, what follows.
  // Throws Error on every rank when any of them could not write.
  std::string Report();
  void OnReports(const std::vector<std::string>& by_rank);
  // Collective: what was begun is published.
  void Finish();

 private:
  std::optional<CheckpointManifest> LoadOne(const std::string& text, OptimizerShard& optimizer,
                                            at::Tensor& best);

  Collectives& group_;
  StepCheckpoints checkpoints_;
  const GradientLayout& layout_;
  std::optional<CheckpointManifest> writing_;      // Begun on all ranks, not yet published.
  std::vector<std::optional<ShardFile>> written_;  // By rank.
  std::string publish_failure_;                    // On rank 0, until it is reported.
  std::future<ShardFile> writer_;                  // Last: its thread uses checkpoints_.
};

}  // namespace gradus
