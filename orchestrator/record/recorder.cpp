#include "orchestrator/record/recorder.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>

#include "schemas/base/error.h"
#include "schemas/base/log.h"

namespace gradus {
namespace {

using nlohmann::json;

json PartJson(const PartId& part) { return {{"round", part.round}, {"part", part.name}}; }
PartId PartOf(const json& j) { return {j.at("round").get<int>(), j.at("part").get<std::string>()}; }

json KeyJson(const Key& key) {
  return {key.round, static_cast<int>(key.phase), key.problem, key.attempt};
}
Key KeyOf(const json& j) {
  return {j.at(0).get<std::uint32_t>(), static_cast<Phase>(j.at(1).get<int>()),
          j.at(2).get<std::uint32_t>(), j.at(3).get<std::uint32_t>()};
}

std::string NewRunId() {
  std::random_device device;  // An identity, not a seed: nothing is drawn from it.
  return fmt::format("{:08x}{:08x}", device(), device());
}

}  // namespace

Recorder::Recorder(RunFiles files, int trees_per_shard)
    : files_(std::move(files)), trees_per_shard_(trees_per_shard) {
  MakeFolder(files_.Ledger());
  ledger_.emplace(files_.Ledger(), [this](const Record& record) { Replay(record); });
}

void Recorder::Replay(const Record& record) {
  if (record.kind == RecordKind::kResult) {
    const Tree tree = ParseTree(record.payload);
    results_.emplace(tree.key, record.payload);
    return;
  }
  const json j = json::parse(record.payload);
  switch (record.kind) {
    case RecordKind::kRunStarted:
      run_id_ = j.at("run_id");
      epoch_ = j.at("epoch");
      break;
    case RecordKind::kShardSealed:
      sealed_files_.emplace(j.at("round").get<int>(), j.at("file").get<std::string>());
      for (const json& key : j.at("keys")) results_.erase(KeyOf(key));
      break;
    case RecordKind::kPhaseDone:
      done_[PartOf(j)] += j.at("seconds").get<double>();
      break;
    case RecordKind::kAbandoned:
      abandoned_[KeyOf(j.at("key"))] = j.at("reason");
      break;
    case RecordKind::kWorkerLost:
      ++workers_lost_;
      break;
    default:
      break;
  }
}

void Recorder::StartEpoch(const std::string& config_digest, int ranks) {
  if (run_id_.empty()) run_id_ = NewRunId();
  ++epoch_;
  const json j = {{"run_id", run_id_},
                  {"epoch", epoch_},
                  {"config_digest", config_digest},
                  {"ranks", ranks},
                  {"unix_s", WallSeconds()}};
  ledger_->Append(RecordKind::kRunStarted, j.dump());
  ledger_->Sync();
}

bool Recorder::IsDone(const PartId& part) const { return done_.contains(part); }

std::vector<Key> Recorder::Begin(const PartId& part, std::vector<Key> keys) {
  std::sort(keys.begin(), keys.end());
  json j = PartJson(part);
  j["keys"] = keys.size();
  ledger_->Append(RecordKind::kPhaseStarted, j.dump());
  MakeFolder(files_.Shards(part.round));
  Cut(part, std::move(keys));
  std::vector<Key> missing;
  for (std::size_t i = 0; i < chunks_.size(); ++i) {
    chunks_[i].sealed = sealed_files_.contains({part.round, ShardName(i)});
    if (chunks_[i].sealed) continue;
    for (const Key& key : chunks_[i].keys) {
      if (!Settled(key)) missing.push_back(key);
    }
  }
  return missing;
}

void Recorder::Cut(const PartId& part, std::vector<Key> keys) {
  part_ = part;
  chunks_.clear();
  const auto size = static_cast<std::size_t>(trees_per_shard_);
  for (std::size_t first = 0; first < keys.size(); first += size) {
    const std::size_t last = std::min(keys.size(), first + size);
    chunks_.push_back({{keys.begin() + static_cast<std::ptrdiff_t>(first),
                        keys.begin() + static_cast<std::ptrdiff_t>(last)},
                       false});
  }
}

bool Recorder::Settled(const Key& key) const {
  return results_.contains(key) || abandoned_.contains(key);
}

void Recorder::Accept(const Key& key, std::string tree_bytes) {
  ledger_->Append(RecordKind::kResult, tree_bytes);
  results_.emplace(key, std::move(tree_bytes));
}

void Recorder::Abandon(const Key& key, const std::string& reason) {
  const json j = {
      {"key", KeyJson(key)}, {"part", part_.name}, {"round", part_.round}, {"reason", reason}};
  ledger_->Append(RecordKind::kAbandoned, j.dump());
  abandoned_.emplace(key, reason);
  Log("gave up {}: {}", ToString(key), reason);
}

void Recorder::NoteWorkerLost(int rank, const std::string& reason, std::size_t leases) {
  const json j = {
      {"rank", rank}, {"reason", reason}, {"leases", leases}, {"unix_s", WallSeconds()}};
  ledger_->Append(RecordKind::kWorkerLost, j.dump());
  ++workers_lost_;
}

void Recorder::Commit() {
  ledger_->Sync();
  SealComplete();
}

void Recorder::SealComplete() {
  for (std::size_t i = 0; i < chunks_.size(); ++i) {
    const Chunk& chunk = chunks_[i];
    if (!chunk.sealed && std::all_of(chunk.keys.begin(), chunk.keys.end(),
                                     [this](const Key& key) { return Settled(key); })) {
      Seal(i);
    }
  }
}

std::string Recorder::ShardName(std::size_t chunk_index) const {
  return fmt::format("{}-{:06}.h5", part_.name, chunk_index);
}

void Recorder::Seal(std::size_t chunk_index) {
  Chunk& chunk = chunks_[chunk_index];
  std::vector<Tree> trees;
  json keys = json::array();
  for (const Key& key : chunk.keys) {
    const auto found = results_.find(key);
    if (found == results_.end()) continue;  // Abandoned.
    trees.push_back(ParseTree(found->second));
    keys.push_back(KeyJson(key));
  }
  const std::string name = ShardName(chunk_index);
  const ShardSummary summary = WriteShard(files_.Shards(part_.round) / name, run_id_, trees);
  json j = PartJson(part_);
  j.update({{"file", name},
            {"sha256", summary.sha256},
            {"content_digest", summary.content_digest},
            {"trees", summary.trees},
            {"keys", keys}});
  ledger_->Append(RecordKind::kShardSealed, j.dump());
  ledger_->Sync();
  for (const Key& key : chunk.keys) results_.erase(key);
  sealed_files_.emplace(part_.round, name);
  chunk.sealed = true;
}

void Recorder::End(const PartId& part, double seconds) {
  Require(part == part_, "a part ended that was not the one in progress");
  Commit();
  Require(std::all_of(chunks_.begin(), chunks_.end(), [](const Chunk& c) { return c.sealed; }),
          "a part ended before all of its keys were settled");
  NoteDone(part, seconds);
}

void Recorder::NoteDone(const PartId& phase, double seconds) {
  json j = PartJson(phase);
  j["seconds"] = seconds;
  ledger_->Append(RecordKind::kPhaseDone, j.dump());
  ledger_->Sync();
  done_[phase] += seconds;
}

void Recorder::NotePublished(RoundIndex round, const std::string& manifest_sha256) {
  ledger_->Append(RecordKind::kRoundPublished,
                  json{{"round", round}, {"manifest_sha256", manifest_sha256}}.dump());
  ledger_->Sync();
}

std::vector<Tree> Recorder::Trees(const PartId& part) const {
  std::vector<Tree> trees;
  const std::string prefix = part.name + "-";
  for (const auto& [round, file] : sealed_files_) {
    if (round != part.round || !file.starts_with(prefix)) continue;
    for (Tree& tree : ReadShard(files_.Shards(round) / file)) trees.push_back(std::move(tree));
  }
  return trees;
}

std::map<std::string, double> Recorder::Seconds(RoundIndex round) const {
  std::map<std::string, double> seconds;
  for (const auto& [part, spent] : done_) {
    if (part.round == round) seconds[part.name] = spent;
  }
  return seconds;
}

std::uint64_t Recorder::Abandoned(RoundIndex round) const {
  return static_cast<std::uint64_t>(std::count_if(
      abandoned_.begin(), abandoned_.end(),
      [round](const auto& entry) { return static_cast<RoundIndex>(entry.first.round) == round; }));
}

}  // namespace gradus
