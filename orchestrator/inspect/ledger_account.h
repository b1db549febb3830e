#pragma once
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "schemas/files/ledger_records.h"

namespace gradus {

// Everything a ledger says about a run, added up. Faults are collected, not thrown: a checker wants
// them all.
struct LedgerAccount {
  std::string run_id, config_digest;   // Of the newest opening.
  std::map<Key, std::string> results;  // Accepted key → digest of its content.
  std::map<Key, PartId> abandoned;
  std::map<std::pair<RoundIndex, std::string>, ShardSealed>
      shards;                                // (round, file) → newest record.
  std::map<PartId, std::uint64_t> expected;  // Keys a part began with.
  std::set<PartId> done;
  std::map<RoundIndex, std::string> manifests;  // Round → SHA-256 of its manifest.
  std::uint64_t records = 0;
  std::uint64_t torn_bytes = 0;  // At the end of the newest file.
  std::vector<std::string> faults;
};

LedgerAccount ReadAccount(const std::filesystem::path& ledger_folder);

// What does not add up: keys accepted twice, accepted and abandoned, sealed twice or without a
// result, parts that ended with keys missing. Rounds in `published` must have every accepted key in
// a shard.
std::vector<std::string> CheckArithmetic(const LedgerAccount& account,
                                         const std::vector<RoundIndex>& published);

}  // namespace gradus
