#include "orchestrator/record/part_progress.h"

#include <algorithm>

#include "schemas/base/error.h"

namespace gradus {

PartProgress::PartProgress(int trees_per_shard)
    : trees_per_shard_(static_cast<std::size_t>(trees_per_shard)) {
  Require(trees_per_shard > 0, "a shard must hold a tree");
}

bool PartProgress::IsSettled(const Key& key) const {
  return results_.contains(key) || abandoned_.contains(key);
}

void PartProgress::Accept(const Key& key, std::string tree_bytes) {
  const bool was_settled = IsSettled(key);
  results_.emplace(key, std::move(tree_bytes));
  if (!was_settled) CountSettled(key);
}

void PartProgress::Abandon(const Key& key) {
  const bool was_settled = IsSettled(key);
  abandoned_.insert(key);
  if (!was_settled) CountSettled(key);
}

void PartProgress::CountSettled(const Key& key) {
  const auto found = std::lower_bound(keys_.begin(), keys_.end(), key);
  if (found == keys_.end() || *found != key) return;  // Of another part: replay.
  const std::size_t shard = static_cast<std::size_t>(found - keys_.begin()) / trees_per_shard_;
  if (IsSealed(shard)) return;
  if (--missing_[shard] == 0) full_.insert(shard);
}

void PartProgress::Seal(const ShardSealed& shard) {
  for (const Key& key : shard.keys) results_.erase(key);
  sealed_[shard.part].insert(shard.file);
  if (shard.part != part_) return;
  const auto full = std::find_if(full_.begin(), full_.end(), [&](std::size_t i) {
    return ShardName(part_.name, i) == shard.file;
  });
  if (full == full_.end()) return;
  full_.erase(full);
  --open_shards_;
}

std::pair<std::size_t, std::size_t> PartProgress::KeysOf(std::size_t shard) const {
  const std::size_t first = shard * trees_per_shard_;
  return {first, std::min(keys_.size(), first + trees_per_shard_)};
}

bool PartProgress::IsSealed(std::size_t shard) const {
  const auto files = sealed_.find(part_);
  return files != sealed_.end() && files->second.contains(ShardName(part_.name, shard));
}

void PartProgress::Begin(const PartId& part, std::vector<Key> keys) {
  std::sort(keys.begin(), keys.end());
  Require(std::adjacent_find(keys.begin(), keys.end()) == keys.end(), "a part has a key twice");
  part_ = part;
  keys_ = std::move(keys);
  missing_.assign((keys_.size() + trees_per_shard_ - 1) / trees_per_shard_, 0);
  full_.clear();
  open_shards_ = 0;
  for (std::size_t shard = 0; shard < missing_.size(); ++shard) {
    if (IsSealed(shard)) continue;
    ++open_shards_;
    const auto [first, last] = KeysOf(shard);
    for (std::size_t i = first; i < last; ++i) missing_[shard] += IsSettled(keys_[i]) ? 0 : 1;
    if (missing_[shard] == 0) full_.insert(shard);
  }
}

std::vector<Key> PartProgress::Missing() const {
  std::vector<Key> missing;
  for (std::size_t shard = 0; shard < missing_.size(); ++shard) {
    if (missing_[shard] == 0) continue;  // Sealed ones as well.
    const auto [first, last] = KeysOf(shard);
    for (std::size_t i = first; i < last; ++i) {
      if (!IsSettled(keys_[i])) missing.push_back(keys_[i]);
    }
  }
  return missing;
}

std::optional<FullShard> PartProgress::NextFull() const {
  if (full_.empty()) return std::nullopt;
  FullShard shard{part_, ShardName(part_.name, *full_.begin()), {}};
  const auto [first, last] = KeysOf(*full_.begin());
  for (std::size_t i = first; i < last; ++i) {
    const auto found = results_.find(keys_[i]);
    if (found != results_.end()) shard.results.emplace_back(keys_[i], found->second);
  }
  return shard;
}

std::vector<std::string> PartProgress::SealedFiles(const PartId& part) const {
  const auto files = sealed_.find(part);
  if (files == sealed_.end()) return {};
  return {files->second.begin(), files->second.end()};
}

std::uint64_t PartProgress::Abandoned(RoundIndex round) const {
  return static_cast<std::uint64_t>(std::count_if(
      abandoned_.begin(), abandoned_.end(),
      [round](const Key& key) { return static_cast<RoundIndex>(key.round) == round; }));
}

}  // namespace gradus
