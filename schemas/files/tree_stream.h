#pragma once
#include <filesystem>
#include <functional>
#include <optional>
#include <vector>

#include "schemas/files/shard.h"
#include "schemas/tree.h"

namespace gradus {

// The shards of one part; every key of a file comes before those of the next.
using ShardPaths = std::vector<std::filesystem::path>;

// The trees of a part in key order, with one shard open at a time. Throws Error naming the file
// that is damaged or out of order.
class TreeStream {
 public:
  explicit TreeStream(ShardPaths shards) : shards_(std::move(shards)) {}
  // Of the tree that Next gives; nothing at the end.
  std::optional<Key> NextKey();
  std::optional<Tree> Next();

 private:
  ShardPaths shards_;
  std::size_t opened_ = 0;
  std::optional<ShardReader> shard_;
  std::optional<Key> last_;  // Of the shards before `shard_`.
};

// Calls `visit` with every tree of a part in key order, one at a time.
void VisitTrees(const ShardPaths& shards, const std::function<void(const Tree&)>& visit);

// Calls `visit` with all trees of one problem at a time, problems ascending; a problem's trees come
// in the order of the parts, and within a part by attempt. One shard of each part is open.
void VisitProblems(const std::vector<ShardPaths>& parts,
                   const std::function<void(std::vector<Tree>&)>& visit);

}  // namespace gradus
