#include "orchestrator/record/shard_sealer.h"

#include <doctest/doctest.h>

#include <deque>

#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "schemas/files/content_hash.h"
#include "schemas/files/shard.h"
#include "tests/fakes/random_tree.h"
#include "tests/fakes/temp_folder.h"

namespace gradus {
namespace {

// A full shard of `count` random trees, with the bytes that it points to.
struct Filled {
  explicit Filled(std::uint32_t count) : trees(RandomTrees(5).MakeMany(count)) {
    shard.part = {1, "rollout"};
    shard.file = "rollout-000002.h5";
    for (const Tree& tree : trees) {
      bytes.push_back(SerializeTree(tree));
      shard.results.emplace_back(tree.key, bytes.back());
    }
  }
  std::vector<Tree> trees;
  std::deque<std::string> bytes;
  FullShard shard;
};

}  // namespace

TEST_CASE("The record of a sealed shard says what is in the file") {
  for (std::uint32_t count : {0u, 1u, 30u}) {
    TempFolder folder;
    const Filled filled(count);
    const ShardSealed record = SealShard(folder.path(), "run", filled.shard);
    const fs::path path = folder.path() / "rollout-000002.h5";
    CHECK(record.part == PartId{1, "rollout"});
    CHECK(record.file == "rollout-000002.h5");
    CHECK(record.sha256 == Sha256File(path));
    CHECK(record.content_digest == ContentDigest(filled.trees));
    CHECK(record.trees == count);
    const ShardReader in(path);
    CHECK(in.keys() == record.keys);
    CHECK(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()) == 1);
  }
}

TEST_CASE("A file that a crash left without a record is replaced") {
  TempFolder folder;
  WriteBytes(folder.path() / "rollout-000002.h5", "half a shard");
  const Filled filled(3);
  SealShard(folder.path(), "run", filled.shard);
  CHECK(ReadShard(folder.path() / "rollout-000002.h5").size() == 3);
}

TEST_CASE("A result that is no tree, or of another key, seals nothing") {
  TempFolder folder;
  Filled broken(3);
  broken.shard.results[1].second = "no tree";
  CHECK_THROWS_AS(SealShard(folder.path(), "run", broken.shard), Error);
  Filled swapped(3);
  std::swap(swapped.shard.results[0].second, swapped.shard.results[1].second);
  CHECK_THROWS_AS(SealShard(folder.path(), "run", swapped.shard), Error);
  Filled renamed(3);
  renamed.shard.results[2].first.problem = 77;
  CHECK_THROWS_AS(SealShard(folder.path(), "run", renamed.shard), Error);
  CHECK(fs::is_empty(folder.path()));
}

TEST_CASE("A folder that cannot be written is an error that names the shard") {
  const Filled filled(1);
  CHECK_THROWS_WITH_AS(SealShard("/nowhere/at/all", "run", filled.shard),
                       doctest::Contains("rollout-000002.h5"), Error);
}

}  // namespace gradus
