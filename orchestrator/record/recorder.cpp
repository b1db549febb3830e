#include "orchestrator/record/recorder.h"

#include <random>

#include "orchestrator/record/shard_sealer.h"
#include "schemas/base/error.h"
#include "schemas/base/log.h"

namespace gradus {
namespace {

std::string NewRunId() {
  std::random_device device;  // An identity, not a seed: nothing is drawn from it.
  return fmt::format("{:08x}{:08x}", device(), device());
}

}  // namespace

Recorder::Recorder(RunFiles files, int trees_per_shard)
    : files_(std::move(files)), progress_(trees_per_shard) {
  MakeFolder(files_.Ledger());
  ledger_.emplace(files_.Ledger(), [this](const Record& record) { Replay(record); });
}

void Recorder::Replay(const Record& record) {
  try {
    const LedgerEntry entry = ParseEntry(record);
    std::visit([this](const auto& e) { Learn(e); }, entry);
    if (const Tree* tree = std::get_if<Tree>(&entry)) {
      progress_.Accept(tree->key, record.payload);
    }
  } catch (const Error& error) {
    Fail("{}: {}; check the run with gradus fsck", files_.Ledger().string(), error.what());
  }
}

void Recorder::Learn(const RunStarted& entry) {
  run_id_ = entry.run_id;
  epoch_ = entry.epoch;
}

template <class Entry>
void Recorder::Note(const Entry& entry) {
  ledger_->Append(ToRecord(entry));
  Learn(entry);
}

void Recorder::StartEpoch(const std::string& config_digest, int ranks) {
  Note(RunStarted{run_id_.empty() ? NewRunId() : run_id_, epoch_ + 1, config_digest, ranks,
                  WallSeconds()});
  ledger_->Sync();
}

bool Recorder::IsDone(const PartId& part) const { return done_.contains(part); }

std::vector<Key> Recorder::Begin(const PartId& part, std::vector<Key> keys) {
  Note(PartStarted{part, keys.size()});
  MakeFolder(files_.Shards(part.round));
  progress_.Begin(part, std::move(keys));
  return progress_.Missing();
}

void Recorder::Accept(const Key& key, std::string tree_bytes) {
  ledger_->Append(RecordKind::kResult, tree_bytes);
  progress_.Accept(key, std::move(tree_bytes));
}

void Recorder::Abandon(const Key& key, const std::string& reason) {
  Note(KeyAbandoned{key, progress_.part(), reason});
  Log("gave up {}: {}", ToString(key), reason);
}

void Recorder::NoteWorkerLost(int rank, const std::string& reason, std::size_t leases) {
  Note(WorkerLost{rank, reason, leases, WallSeconds()});
}

void Recorder::Commit() {
  ledger_->Sync();
  while (const std::optional<FullShard> shard = progress_.NextFull()) {
    Note(SealShard(files_.Shards(shard->part.round), run_id_, *shard));
    ledger_->Sync();
  }
}

void Recorder::End(const PartId& part, double seconds) {
  Require(part == progress_.part(), "a part ended that was not the one in progress");
  Commit();
  Require(progress_.AllSealed(), "a part ended before all of its keys were settled");
  NoteDone(part, seconds);
}

void Recorder::NoteDone(const PartId& phase, double seconds) {
  Note(PhaseDone{phase, seconds});
  ledger_->Sync();
}

void Recorder::NotePublished(RoundIndex round, const std::string& manifest_sha256) {
  Note(RoundPublished{round, manifest_sha256});
  ledger_->Sync();
}

ShardPaths Recorder::Shards(const PartId& part) const {
  ShardPaths paths;
  for (const std::string& file : progress_.SealedFiles(part)) {
    paths.push_back(files_.Shards(part.round) / file);
  }
  return paths;
}

std::map<std::string, double> Recorder::Seconds(RoundIndex round) const {
  std::map<std::string, double> seconds;
  for (const auto& [part, spent] : done_) {
    if (part.round == round) seconds[part.name] = spent;
  }
  return seconds;
}

}  // namespace gradus
