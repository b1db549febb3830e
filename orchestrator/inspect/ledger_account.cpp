#include "orchestrator/inspect/ledger_account.h"

#include <algorithm>

#include "schemas/base/error.h"
#include "schemas/base/file.h"

namespace gradus {
namespace {

void Add(const RunStarted& entry, LedgerAccount& account) {
  account.run_id = entry.run_id;
  account.config_digest = entry.config_digest;
}

void Add(const PartStarted& entry, LedgerAccount& account) {
  const auto [known, is_new] = account.expected.emplace(entry.part, entry.keys);
  if (!is_new && known->second != entry.keys) {
    account.faults.push_back(fmt::format("round {} {} began with {} keys and was continued with {}",
                                         entry.part.round, entry.part.name, known->second,
                                         entry.keys));
  }
}

void Add(const Tree& tree, LedgerAccount& account) {
  const bool is_new = account.results.emplace(tree.key, Sha256(SerializeContent(tree))).second;
  if (!is_new) account.faults.push_back(fmt::format("{} was accepted twice", ToString(tree.key)));
}

void Add(const ShardSealed& entry, LedgerAccount& account) {
  account.shards[{entry.part.round, entry.file}] = entry;
}

void Add(const PhaseDone& entry, LedgerAccount& account) { account.done.insert(entry.part); }

void Add(const RoundPublished& entry, LedgerAccount& account) {
  account.manifests[entry.round] = entry.manifest_sha256;
}

void Add(const WorkerLost&, LedgerAccount&) {}  // Nothing to add up.

void Add(const KeyAbandoned& entry, LedgerAccount& account) {
  account.abandoned[entry.key] = entry.part;
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
  std::map<PartId, std::uint64_t> settled;
  for (const auto& [name, shard] : account.shards) settled[shard.part] += shard.keys.size();
  for (const auto& [key, part] : account.abandoned) ++settled[part];
  for (const auto& [part, keys] : account.expected) {
    if (account.done.contains(part) && settled[part] != keys) {
      faults.push_back(fmt::format("round {} {} ended with {} of its {} keys sealed or abandoned",
                                   part.round, part.name, settled[part], keys));
    }
  }
}

}  // namespace

LedgerAccount ReadAccount(const std::filesystem::path& ledger_folder) {
  LedgerAccount account;
  account.torn_bytes = ReplayLedger(ledger_folder, [&](const Record& record) {
    ++account.records;
    try {
      std::visit([&](const auto& entry) { Add(entry, account); }, ParseEntry(record));
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
