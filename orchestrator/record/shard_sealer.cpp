#include "orchestrator/record/shard_sealer.h"

#include "schemas/base/error.h"
#include "schemas/files/shard.h"

namespace gradus {

ShardSealed SealShard(const std::filesystem::path& folder, const std::string& run_id,
                      const FullShard& shard) {
  ShardSealed record;
  record.part = shard.part;
  record.file = shard.file;
  std::vector<Tree> trees;
  for (const auto& [key, bytes] : shard.results) {
    trees.push_back(ParseTree(bytes));
    Require(trees.back().key == key, "a result has another key than the one it was accepted for");
    record.keys.push_back(key);
  }
  const ShardSummary summary = WriteShard(folder / shard.file, run_id, trees);
  record.sha256 = summary.sha256;
  record.content_digest = summary.content_digest;
  record.trees = summary.trees;
  return record;
}

}  // namespace gradus
