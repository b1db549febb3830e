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

// Kinds of ledger record; ledger_records.h has what they say. Values are stored: append only.
enum class RecordKind : std::uint8_t {
  kRunStarted = 1,
  kPhaseStarted = 2,
  kResult = 3,  // SerializeTree(tree); the others are JSON.
  kShardSealed = 4,
  kPhaseDone = 5,
  kRoundPublished = 6,
  kWorkerLost = 7,
  kAbandoned = 8,  // Given up after repeated failures.
};

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
  void Append(const Record& record) { Append(record.kind, record.payload); }
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
