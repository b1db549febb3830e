#include "schemas/files/tree_stream.h"

#include <doctest/doctest.h>

#include <map>

#include "schemas/base/error.h"
#include "schemas/base/seed.h"
#include "schemas/part_id.h"
#include "tests/fakes/heap.h"
#include "tests/fakes/random_tree.h"
#include "tests/fakes/temp_folder.h"

namespace gradus {
namespace {

std::vector<Key> KeysOf(const std::vector<Tree>& trees) {
  std::vector<Key> keys;
  for (const Tree& tree : trees) keys.push_back(tree.key);
  return keys;
}

// Cuts `trees` into shards of `size` named after `part`.
ShardPaths WriteShards(const TempFolder& folder, const std::string& part,
                       const std::vector<Tree>& trees, std::size_t size) {
  ShardPaths paths;
  for (std::size_t i = 0; i < trees.size(); i += size) {
    const std::size_t end = std::min(trees.size(), i + size);
    paths.push_back(folder.path() / ShardName(part, i / size));
    WriteShard(paths.back(), "run",
               {trees.begin() + static_cast<std::ptrdiff_t>(i),
                trees.begin() + static_cast<std::ptrdiff_t>(end)});
  }
  return paths;
}

// Trees of some of `problems` problems, one to three of each.
std::vector<Tree> SomeTrees(RandomTrees& make, Random& random, Phase phase,
                            std::uint32_t problems) {
  std::vector<Tree> trees;
  for (std::uint32_t problem = 0; problem < problems; ++problem) {
    for (std::uint64_t attempt = 0, n = random.Below(4); attempt < n; ++attempt) {
      trees.push_back(make.Make({1, phase, problem, static_cast<std::uint32_t>(attempt)}));
    }
  }
  return trees;
}

// A tree of `nodes` nodes with tokens that do not pack well.
Tree LargeTree(std::uint32_t problem, std::uint32_t attempt, std::size_t nodes) {
  Random random(problem);
  Tree tree = RandomTrees(problem).Make({1, Phase::kRollout, problem, attempt});
  tree.nodes.resize(1);
  for (std::size_t i = 1; i < nodes; ++i) {
    Node node;
    node.parent = 0;
    node.depth = 1;
    node.kind = NodeKind::kStep;
    for (int t = 0; t < 30; ++t) node.tokens.push_back(static_cast<int>(random.Below(150000)));
    tree.nodes.push_back(node);
  }
  return tree;
}

}  // namespace

TEST_CASE("A part's trees come in key order, each once, however it is cut into shards") {
  const std::vector<Tree> trees = RandomTrees(1).MakeMany(100);
  for (std::size_t size : {1, 7, 100, 1000}) {
    TempFolder folder;
    std::vector<std::string> seen;
    VisitTrees(WriteShards(folder, "rollout", trees, size),
               [&](const Tree& tree) { seen.push_back(SerializeTree(tree)); });
    REQUIRE(seen.size() == trees.size());
    for (std::size_t i = 0; i < trees.size(); ++i) CHECK(seen[i] == SerializeTree(trees[i]));
  }
  VisitTrees({}, [](const Tree&) { FAIL("there is no tree"); });
}

TEST_CASE("The next key is known before its tree is read, over empty shards too") {
  TempFolder folder;
  const std::vector<Tree> trees = RandomTrees(2).MakeMany(4);
  ShardPaths paths{folder.path() / "a.h5", folder.path() / "b.h5", folder.path() / "c.h5"};
  WriteShard(paths[0], "run", {trees[0], trees[1]});
  WriteShard(paths[1], "run", {});
  WriteShard(paths[2], "run", {trees[2], trees[3]});
  TreeStream stream(paths);
  for (const Tree& tree : trees) {
    REQUIRE(stream.NextKey() == tree.key);
    REQUIRE(stream.NextKey() == tree.key);
    CHECK(SerializeTree(*stream.Next()) == SerializeTree(tree));
  }
  CHECK_FALSE(stream.NextKey());
  CHECK_FALSE(stream.Next());
}

TEST_CASE("A shard out of order or damaged is an error that names it") {
  TempFolder folder;
  const std::vector<Tree> trees = RandomTrees(3).MakeMany(8);
  ShardPaths paths = WriteShards(folder, "rollout", trees, 4);
  const auto ignore = [](const Tree&) {};
  CHECK_THROWS_WITH_AS(VisitTrees({paths[1], paths[0]}, ignore),
                       doctest::Contains("rollout-000000.h5"), Error);
  CHECK_THROWS_WITH_AS(VisitTrees({paths[0], paths[0]}, ignore),
                       doctest::Contains("rollout-000000.h5"), Error);
  WriteBytes(paths[1], "not a shard");
  CHECK_THROWS_WITH_AS(VisitTrees(paths, ignore), doctest::Contains("rollout-000001.h5"), Error);
}

TEST_CASE("Problems come in order, each once, with all of their trees from every part") {
  RandomTrees make(4);
  Random random(4);
  for (int trial = 0; trial < 20; ++trial) {
    TempFolder folder;
    std::vector<ShardPaths> parts;
    std::map<std::uint32_t, std::vector<std::string>> expected;
    for (int part = 0; part < 3; ++part) {
      const auto trees =
          SomeTrees(make, random, part == 0 ? Phase::kRollout : Phase::kRolloutHard, 15);
      for (const Tree& tree : trees) expected[tree.key.problem].push_back(SerializeTree(tree));
      parts.push_back(
          WriteShards(folder, "part" + std::to_string(part), trees, 1 + random.Below(9)));
    }
    auto next = expected.begin();
    VisitProblems(parts, [&](const std::vector<Tree>& trees) {
      REQUIRE(next != expected.end());
      std::vector<std::string> bytes;
      for (const Tree& tree : trees) {
        CHECK(tree.key.problem == next->first);
        bytes.push_back(SerializeTree(tree));
      }
      CHECK(bytes == next->second);
      ++next;
    });
    CHECK(next == expected.end());
  }
}

TEST_CASE("Methods of an evaluation and its control merge into key order") {
  TempFolder folder;
  RandomTrees make(5);
  std::vector<Tree> evaluate, control;
  for (std::uint32_t problem : {0u, 1u, 4u}) {
    for (std::uint32_t method : {0u, 1u, 2u})
      evaluate.push_back(make.Make({1, Phase::kEvaluate, problem, method}));
    control.push_back(make.Make({1, Phase::kEvaluate, problem, 3}));
  }
  std::vector<Key> seen;
  VisitProblems(
      {WriteShards(folder, "evaluate", evaluate, 2), WriteShards(folder, "control", control, 2)},
      [&](const std::vector<Tree>& trees) {
        const std::vector<Key> keys = KeysOf(trees);
        seen.insert(seen.end(), keys.begin(), keys.end());
      });
  CHECK(seen.size() == 12);
  CHECK(std::is_sorted(seen.begin(), seen.end()));
}

TEST_CASE("Memory while a round's trees pass by does not grow with their number") {
  constexpr std::size_t kNodes = 3000;  // Half a megabyte.
  const auto peak = [&](std::uint32_t problems) {
    TempFolder folder;
    std::vector<ShardPaths> parts(2);
    for (std::uint32_t part = 0; part < 2; ++part) {
      for (std::uint32_t first = 0; first < problems; first += 4) {
        std::vector<Tree> trees;
        for (std::uint32_t i = 0; i < 4; ++i) trees.push_back(LargeTree(first + i, part, kNodes));
        parts[part].push_back(folder.path() / ShardName(std::to_string(part), first / 4));
        WriteShard(parts[part].back(), "run", trees);
      }
    }
    HeapGrowth heap;
    std::uint32_t visited = 0;
    VisitProblems(parts, [&](const std::vector<Tree>& trees) {
      CHECK(trees.size() == 2);
      ++visited;
      heap.Look();
    });
    CHECK(visited == problems);
    return heap.peak();
  };
  const std::size_t few = peak(8), many = peak(64);
  CHECK(many < few + (1u << 20));
  CHECK(many < (48u << 20));  // All of them are 128 trees.
}

}  // namespace gradus
