#include "schemas/files/tree_stream.h"

#include <algorithm>

#include "schemas/base/error.h"

namespace gradus {

std::optional<Key> TreeStream::NextKey() {
  std::optional<Key> key;
  while (!(key = shard_ ? shard_->NextKey() : std::nullopt) && opened_ < shards_.size()) {
    if (shard_ && !shard_->keys().empty()) last_ = shard_->keys().back();
    shard_.reset();  // Two of them would not fit where one does.
    shard_.emplace(shards_[opened_]);
    const std::filesystem::path& path = shards_[opened_++];
    if (last_ && !shard_->keys().empty() && shard_->keys().front() <= *last_) {
      Fail(
          "{}: begins with {} although {} stands in a shard before it; check the run with gradus "
          "fsck",
          path.string(), ToString(shard_->keys().front()), ToString(*last_));
    }
  }
  return key;
}

std::optional<Tree> TreeStream::Next() { return NextKey() ? shard_->Next() : std::nullopt; }

void VisitTrees(const ShardPaths& shards, const std::function<void(const Tree&)>& visit) {
  TreeStream stream(shards);
  while (const std::optional<Tree> tree = stream.Next()) visit(*tree);
}

void VisitProblems(const std::vector<ShardPaths>& parts,
                   const std::function<void(std::vector<Tree>&)>& visit) {
  std::vector<TreeStream> streams(parts.begin(), parts.end());
  for (;;) {
    std::optional<std::uint32_t> problem;
    for (TreeStream& stream : streams) {
      const std::optional<Key> key = stream.NextKey();
      if (key) problem = std::min(problem.value_or(key->problem), key->problem);
    }
    if (!problem) return;
    std::vector<Tree> trees;
    for (TreeStream& stream : streams) {
      while (stream.NextKey() && stream.NextKey()->problem == *problem) {
        trees.push_back(std::move(*stream.Next()));
      }
    }
    visit(trees);
  }
}

}  // namespace gradus
