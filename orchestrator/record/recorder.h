#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "schemas/ids.h"
#include "schemas/ledger.h"
#include "schemas/run_files.h"
#include "schemas/shard.h"

namespace gradus {

// One keyed part of a round, e.g. {1, "rollout"}, {1, "hard2"}, {0, "evaluate"}: the unit of
// dispatch and of shards.
struct PartId {
  RoundIndex round = 0;
  std::string name;
  auto operator<=>(const PartId&) const = default;
};

// Makes results durable: ledger first (write-ahead), then shards. A part's sorted keys are cut into
// shards of a fixed number of trees; a shard is sealed, sorted by key, as soon as all of its keys
// are in. So the shards depend on the keys and the results alone, not on ranks or order of arrival.
// One thread.
class Recorder {
 public:
  // Replays the ledger. `trees_per_shard` must not change during a run.
  Recorder(RunFiles files, int trees_per_shard);

  const std::string& run_id() const { return run_id_; }
  std::uint32_t epoch() const { return epoch_; }
  // Appends kRunStarted; a new run gets its id here.
  void StartEpoch(const std::string& config_digest, int ranks);

  bool IsDone(const PartId& part) const;
  // Declares the part's keys; returns those without a result, in order.
  std::vector<Key> Begin(const PartId& part, std::vector<Key> keys);
  void Accept(const Key& key, std::string tree_bytes);
  void Abandon(const Key& key, const std::string& reason);
  void NoteWorkerLost(int rank, const std::string& reason, std::size_t leases);
  // Makes everything accepted so far durable, then seals the shards that are complete.
  void Commit();
  // Seals what is left and records that the part is done. REQUIRES: every key accepted or
  // abandoned.
  void End(const PartId& part, double seconds);
  // Records a phase without keys (select, train_policy, …) as done.
  void NoteDone(const PartId& phase, double seconds);
  void NotePublished(RoundIndex round, const std::string& manifest_sha256);

  // All trees of a finished part, in key order.
  std::vector<Tree> Trees(const PartId& part) const;
  // Seconds by phase name of a round, over all epochs of the run.
  std::map<std::string, double> Seconds(RoundIndex round) const;
  std::uint64_t workers_lost() const { return workers_lost_; }
  // Keys given up, with reasons, of a round.
  std::uint64_t Abandoned(RoundIndex round) const;

 private:
  struct Chunk {
    std::vector<Key> keys;  // Sorted.
    bool sealed = false;
  };
  void Replay(const Record& record);
  void Cut(const PartId& part, std::vector<Key> keys);
  void SealComplete();
  void Seal(std::size_t chunk_index);
  std::string ShardName(std::size_t chunk_index) const;
  bool Settled(const Key& key) const;

  RunFiles files_;
  int trees_per_shard_;
  std::string run_id_;
  std::uint32_t epoch_ = 0;
  std::map<Key, std::string> results_;    // Accepted, not yet in a sealed shard.
  std::map<Key, std::string> abandoned_;  // Reason.
  std::set<std::pair<RoundIndex, std::string>> sealed_files_;
  std::map<PartId, double> done_;
  std::uint64_t workers_lost_ = 0;
  PartId part_;                   // The one in progress.
  std::vector<Chunk> chunks_;     // Of `part_`.
  std::optional<Ledger> ledger_;  // Last: opening replays into the members above.
};

}  // namespace gradus
