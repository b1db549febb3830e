#pragma once
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "schemas/files/ledger.h"
#include "schemas/part_id.h"
#include "schemas/tree.h"

namespace gradus {

// What the records of a ledger say, one struct a kind (docs/file-formats.md). Times are Unix
// seconds. A result (RecordKind::kResult) is a Tree.

struct RunStarted {
  std::string run_id;
  std::uint32_t epoch = 0;    // Starts of the run so far, this one included.
  std::string config_digest;  // SHA-256 of config.yaml.
  int ranks = 0;
  double unix_s = 0;
};

struct PartStarted {
  PartId part;
  std::uint64_t keys = 0;
};

struct ShardSealed {
  PartId part;
  std::string file;  // Inside the round's shards/ folder.
  std::string sha256, content_digest;
  std::uint64_t trees = 0;
  std::vector<Key> keys;  // Of the trees; keys that were given up are in no shard.
};

// A part, or a phase without keys.
struct PhaseDone {
  PartId part;
  double seconds = 0;  // Of this epoch.
};

struct RoundPublished {
  RoundIndex round = 0;
  std::string manifest_sha256;
};

struct WorkerLost {
  int rank = 0;
  std::string reason;
  std::uint64_t leases = 0;  // It held so many.
  double unix_s = 0;
};

struct KeyAbandoned {
  Key key;
  PartId part;
  std::string reason;
};

using LedgerEntry = std::variant<RunStarted, PartStarted, Tree, ShardSealed, PhaseDone,
                                 RoundPublished, WorkerLost, KeyAbandoned>;

// Equal entries give equal bytes. Bytes of a reason that are no UTF-8 become U+FFFD.
Record ToRecord(const LedgerEntry& entry);
// Throws Error naming the kind: bad JSON, a field that is missing, of another type or out of range,
// an unknown phase, a malformed tree.
LedgerEntry ParseEntry(const Record& record);

}  // namespace gradus
