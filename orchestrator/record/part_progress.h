#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "schemas/files/ledger_records.h"

namespace gradus {

// A shard whose keys are all settled: what goes into it.
struct FullShard {
  PartId part;
  std::string file;
  // Keys with a result, ascending, and the bytes of their trees, which the progress owns until it
  // is told that the shard is sealed.
  std::vector<std::pair<Key, std::string_view>> results;
};

// Which keys of a run are accepted, given up or sealed, and how a part's keys are cut into shards:
// its sorted keys in runs of a fixed number. So the shards depend on keys and results alone, not on
// ranks or order of arrival. Pure: it is told what the ledger says, in its order, and answers what
// is missing and what can be sealed. A key that is accepted twice keeps its first result; one that
// is both given up and accepted has a result, unless its shard was sealed in between.
class PartProgress {
 public:
  explicit PartProgress(int trees_per_shard);

  void Accept(const Key& key, std::string tree_bytes);
  void Abandon(const Key& key);
  void Seal(const ShardSealed& shard);

  // From here on this part is the one in progress. REQUIRES: no key twice.
  void Begin(const PartId& part, std::vector<Key> keys);
  const PartId& part() const { return part_; }
  // Keys of the part in progress that are neither settled nor in a sealed shard, ascending.
  std::vector<Key> Missing() const;
  // The first of its shards that can be sealed and is not.
  std::optional<FullShard> NextFull() const;
  bool AllSealed() const { return open_shards_ == 0; }

  // Names of a part's sealed shards, ascending.
  std::vector<std::string> SealedFiles(const PartId& part) const;
  // Keys of a round that were given up.
  std::uint64_t Abandoned(RoundIndex round) const;
  // Accepted results that are in no sealed shard, and so in memory.
  std::size_t results() const { return results_.size(); }

 private:
  bool IsSettled(const Key& key) const;
  bool IsSealed(std::size_t shard) const;
  // Keys [first, last) of a shard.
  std::pair<std::size_t, std::size_t> KeysOf(std::size_t shard) const;
  void CountSettled(const Key& key);

  std::size_t trees_per_shard_;
  std::map<Key, std::string> results_;  // Accepted, in no sealed shard.
  std::set<Key> abandoned_;
  std::map<PartId, std::set<std::string>> sealed_;  // File names.
  PartId part_;
  std::vector<Key> keys_;             // Of `part_`, ascending.
  std::vector<std::size_t> missing_;  // Of each of its shards: keys that are not settled.
  std::set<std::size_t> full_;        // Shards without a missing key that are not sealed.
  std::size_t open_shards_ = 0;       // Those that are not sealed.
};

}  // namespace gradus
