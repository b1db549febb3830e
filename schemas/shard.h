#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "schemas/tree.h"

namespace gradus {

// What a sealed shard is known by.
struct ShardSummary {
  std::string file;  // Name inside the round's shards/ folder.
  std::uint64_t bytes = 0;
  std::string sha256;          // Of the whole file.
  std::string content_digest;  // Of the content without /timing.
  std::uint64_t trees = 0, nodes = 0;
};

// An immutable HDF5 file of trees sorted by key (docs/file-formats.md). Written under a temporary
// name, re-read and compared, fsynced, renamed. HDF5 is used from one thread at a time.
ShardSummary WriteShard(const std::filesystem::path& path, const std::string& run_id,
                        const std::vector<Tree>& trees);
// Checks schema name and version, every offset and the content digest; throws Error naming the
// file.
std::vector<Tree> ReadShard(const std::filesystem::path& path);

}  // namespace gradus
