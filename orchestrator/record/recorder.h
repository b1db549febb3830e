#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "orchestrator/record/part_progress.h"
#include "schemas/files/ledger_records.h"
#include "schemas/files/run_files.h"
#include "schemas/files/tree_stream.h"

namespace gradus {

// Makes results durable: ledger first (write-ahead), then shards; a shard is sealed, sorted by key,
// as soon as all of its keys are in (part_progress.h). In memory are the results of the shards that
// are not sealed. One thread.
class Recorder {
 public:
  // Replays the ledger. `trees_per_shard` must not change during a run. Throws Error naming the
  // record that makes no sense.
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

  // Where the trees of a finished part stand: for VisitTrees and VisitProblems.
  ShardPaths Shards(const PartId& part) const;
  // Seconds by phase name of a round, over all epochs of the run.
  std::map<std::string, double> Seconds(RoundIndex round) const;
  std::uint64_t workers_lost() const { return workers_lost_; }
  // Keys of a round that were given up.
  std::uint64_t Abandoned(RoundIndex round) const { return progress_.Abandoned(round); }

 private:
  void Replay(const Record& record);
  // Takes over what one record says; a result is taken with its bytes.
  void Learn(const Tree&) {}
  void Learn(const RunStarted& entry);
  void Learn(const PartStarted&) {}
  void Learn(const ShardSealed& entry) { progress_.Seal(entry); }
  void Learn(const PhaseDone& entry) { done_[entry.part] += entry.seconds; }
  void Learn(const RoundPublished&) {}
  void Learn(const WorkerLost&) { ++workers_lost_; }
  void Learn(const KeyAbandoned& entry) { progress_.Abandon(entry.key); }
  // Appends the record and learns it.
  template <class Entry>
  void Note(const Entry& entry);

  RunFiles files_;
  std::string run_id_;
  std::uint32_t epoch_ = 0;
  PartProgress progress_;
  std::map<PartId, double> done_;
  std::uint64_t workers_lost_ = 0;
  std::optional<Ledger> ledger_;  // Last: opening replays into the members above.
};

}  // namespace gradus
