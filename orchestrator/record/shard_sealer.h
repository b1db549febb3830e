#pragma once
#include <filesystem>
#include <string>

#include "orchestrator/record/part_progress.h"
#include "schemas/files/ledger_records.h"

namespace gradus {

// Writes a full shard's trees into `folder`: under a temporary name, read back, compared, renamed
// (WriteShard). Returns the record that makes it count; a file that was there without one is
// replaced. Throws Error when a result is no tree or not of its key, or the disk fails.
ShardSealed SealShard(const std::filesystem::path& folder, const std::string& run_id,
                      const FullShard& shard);

}  // namespace gradus
