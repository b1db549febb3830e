#include "orchestrator/inspect/ledger_account.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "schemas/tree.h"

namespace gradus {
namespace {

using nlohmann::json;

Key KeyOf(const json& j) {
  const auto phase = j.at(1).get<std::uint8_t>();
  if (!IsPhase(phase)) Fail("unknown phase {}", phase);
  return {j.at(0).get<std::uint32_t>(), static_cast<Phase>(phase), j.at(2).get<std::uint32_t>(),
          j.at(3).get<std::uint32_t>()};
}

RoundPart PartOf(const json& j) {
  return {j.at("round").get<RoundIndex>(), j.at("part").get<std::string>()};
}

void AddResult(const std::string& payload, LedgerAccount& account) {
  const Tree tree = ParseTree(payload);
  const bool is_new = account.results.emplace(tree.key, Sha256(SerializeContent(tree))).second;
  if (!is_new) account.faults.push_back(fmt::format("{} was accepted twice", ToString(tree.key)));
}

void AddShard(const json& j, LedgerAccount& account) {
  SealedShard shard{j.at("part").get<std::string>(),
                    j.at("sha256").get<std::string>(),
                    j.at("content_digest").get<std::string>(),
                    {}};
  for (const json& key : j.at("keys")) shard.keys.push_back(KeyOf(key));
  account.shards[{j.at("round").get<RoundIndex>(), j.at("file").get<std::string>()}] = shard;
}

void AddPart(const json& j, LedgerAccount& account) {
  const RoundPart part = PartOf(j);
  const auto keys = j.at("keys").get<std::uint64_t>();
  const auto [known, is_new] = account.expected.emplace(part, keys);
  if (!is_new && known->second != keys) {
    account.faults.push_back(fmt::format("round {} {} began with {} keys and was continued with {}",
                                         part.first, part.second, known->second, keys));
  }
}

void AddRecord(const Record& record, LedgerAccount& account) {
  if (record.kind == RecordKind::kResult) return AddResult(record.payload, account);
  const json j = json::parse(record.payload);
  switch (record.kind) {
    case RecordKind::kRunStarted:
      account.run_id = j.at("run_id").get<std::string>();
      account.config_digest = j.at("config_digest").get<std::string>();
      break;
    case RecordKind::kPhaseStarted:
      AddPart(j, account);
      break;
    case RecordKind::kShardSealed:
      AddShard(j, account);
      break;
    case RecordKind::kPhaseDone:
      account.done[PartOf(j)] = true;
      break;
    case RecordKind::kAbandoned:
      account.abandoned[KeyOf(j.at("key"))] = PartOf(j);
      break;
    case RecordKind::kRoundPublished:
      account.manifests[j.at("round").get<RoundIndex>()] =
          j.at("manifest_sha256").get<std::string>();
      break;
    default:
      break;  // Lost workers: nothing to add up.
  }
}

// One line for any number of keys with the same fault.
class KeyFault {
 public:
  explicit KeyFault(const char* what) : what_(what) {}
  void Add(const Key& key) {
    if (count_++ == 0) first_ = key;
  }
  void Report(std::vector<std::string>& faults) const {
    if (count_ == 1) faults.push_back(fmt::format("{} {}", ToString(first_), what_));
    if (count_ > 1) {
      faults.push_back(fmt::format("{} and {} more {}", ToString(first_), count_ - 1, what_));
    }
  }

 private:
  const char* what_;
  std::size_t count_ = 0;
  Key first_;
};

// Keys in shards; those sealed twice or without a result are faults.
std::set<Key> SealedKeys(const LedgerAccount& account, std::vector<std::string>& faults) {
  KeyFault twice("in two shards"), unknown("in a shard but never accepted");
  std::set<Key> sealed;
  for (const auto& [name, shard] : account.shards) {
    for (const Key& key : shard.keys) {
      if (!sealed.insert(key).second) twice.Add(key);
      if (!account.results.contains(key)) unknown.Add(key);
    }
  }
  twice.Report(faults);
  unknown.Report(faults);
  return sealed;
}

// Keys of a finished part: each sealed or abandoned.
void CheckParts(const LedgerAccount& account, std::vector<std::string>& faults) {
  std::map<RoundPart, std::uint64_t> settled;
  for (const auto& [name, shard] : account.shards) {
    settled[{name.first, shard.part}] += shard.keys.size();
  }
  for (const auto& [key, part] : account.abandoned) ++settled[part];
  for (const auto& [part, keys] : account.expected) {
    if (account.done.contains(part) && settled[part] != keys) {
      faults.push_back(fmt::format("round {} {} ended with {} of its {} keys sealed or abandoned",
                                   part.first, part.second, settled[part], keys));
    }
  }
}

}  // namespace

LedgerAccount ReadAccount(const std::filesystem::path& ledger_folder) {
  LedgerAccount account;
  account.torn_bytes = ReplayLedger(ledger_folder, [&](const Record& record) {
    ++account.records;
    try {
      AddRecord(record, account);
    } catch (const json::exception&) {
      account.faults.push_back(fmt::format("record {} (kind {}) is malformed", account.records,
                                           static_cast<int>(record.kind)));
    } catch (const Error& error) {
      account.faults.push_back(fmt::format("record {}: {}", account.records, error.what()));
    }
  });
  return account;
}

std::vector<std::string> CheckArithmetic(const LedgerAccount& account,
                                         const std::vector<RoundIndex>& published) {
  std::vector<std::string> faults = account.faults;
  const std::set<Key> sealed = SealedKeys(account, faults);
  KeyFault both("accepted and abandoned"), lost("accepted, but in no shard of its published round");
  for (const auto& [key, digest] : account.results) {
    if (account.abandoned.contains(key)) both.Add(key);
    const bool is_published = std::find(published.begin(), published.end(),
                                        static_cast<RoundIndex>(key.round)) != published.end();
    if (is_published && !sealed.contains(key)) lost.Add(key);
  }
  both.Report(faults);
  lost.Report(faults);
  CheckParts(account, faults);
  return faults;
}

}  // namespace gradus
