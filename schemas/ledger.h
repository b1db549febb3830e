#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "schemas/base/file.h"
#include "schemas/ids.h"

namespace gradus {

// Kinds of ledger record. Values are stored: append only.
enum class RecordKind : std::uint8_t {
  kRunStarted = 1,    // JSON {run_id, epoch, config_digest, ranks, unix_s}
  kPhaseStarted = 2,  // JSON {round, part, keys}; keys: how many.
  kResult = 3,        // SerializeTree(tree)
  kShardSealed =
      4,           // JSON {round, part, file, sha256, content_digest, trees, keys}; keys: an array.
  kPhaseDone = 5,  // JSON {round, part, seconds}
  kRoundPublished = 6,  // JSON {round, manifest_sha256}
  kWorkerLost = 7,      // JSON {rank, reason, leases, unix_s}
  kAbandoned = 8,       // JSON {key, round, part, reason}: given up after repeated failures.
};
// A key inside JSON is [round, phase, problem, attempt].

struct Record {
  RecordKind kind = RecordKind::kRunStarted;
  std::string payload;
};

// The write-ahead log: files 000001.log, 000002.log … of records (u32 length, u32 CRC32C, u8 kind,
// payload). Append buffers; Sync makes everything appended so far durable (fdatasync): acknowledge
// only after it.
class Ledger {
 public:
  // Opens the folder, replays every record in order through `visit`, cuts a torn tail of the newest
  // file (a torn record anywhere else is an Error), and continues in a new file.
  Ledger(const std::filesystem::path& folder, const std::function<void(const Record&)>& visit);
  void Append(RecordKind kind, std::string_view payload);
  void Sync();
  std::uint64_t appended() const { return appended_; }
  std::uint64_t synced() const { return synced_; }

 private:
  std::filesystem::path file_;
  Fd fd_;
  std::string buffer_;
  std::uint64_t appended_ = 0, synced_ = 0;
};

// Read-only replay, for status and fsck of a run that may be alive: a torn tail of the newest file
// is reported in the return value (bytes ignored), not cut.
std::uint64_t ReplayLedger(const std::filesystem::path& folder,
                           const std::function<void(const Record&)>& visit);

}  // namespace gradus
