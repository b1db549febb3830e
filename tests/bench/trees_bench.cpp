// How much memory and time a pass over a round's trees takes: `bench_trees write FOLDER [trees]
// [nodes]` makes the shards of two parts, `bench_trees visit FOLDER` goes through them problem by
// problem, `bench_trees collect FOLDER` holds them all. One line of JSON.
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "schemas/base/log.h"
#include "schemas/files/tree_stream.h"
#include "schemas/part_id.h"
#include "tests/fakes/random_tree.h"

namespace gradus {
namespace {

constexpr std::uint32_t kTreesPerShard = 256;
const char* const kParts[] = {"rollout", "hard1"};

// A step as a model writes it: about fifty tokens of a text that repeats itself.
Node Step(Random& random, const Tree& tree) {
  Node node;
  node.parent = static_cast<std::int32_t>(random.Below(tree.nodes.size()));
  node.depth =
      static_cast<std::uint16_t>(tree.nodes[static_cast<std::size_t>(node.parent)].depth + 1);
  node.kind = NodeKind::kStep;
  for (std::uint64_t n = 20 + random.Below(60); n > 0; --n) {
    node.tokens.push_back(static_cast<std::int32_t>(random.Below(2000)));
    node.logprobs.push_back(static_cast<float>(-random.Uniform()));
    node.text += "word" + std::to_string(node.tokens.back() % 100) + " ";
  }
  node.visits = 1;
  return node;
}

void WriteTrees(const fs::path& folder, std::uint32_t count, std::uint32_t nodes) {
  MakeFolder(folder);
  Random random(1);
  RandomTrees make(1);
  for (std::uint32_t part = 0; part < 2; ++part) {
    for (std::uint32_t first = 0; first < count / 2; first += kTreesPerShard) {
      std::vector<Tree> trees;
      for (std::uint32_t i = first; i < std::min(count / 2, first + kTreesPerShard); ++i) {
        Tree& tree = trees.emplace_back(make.Make({1, Phase::kRollout, i, part}));
        tree.nodes.resize(1);
        while (tree.nodes.size() < nodes) tree.nodes.push_back(Step(random, tree));
      }
      WriteShard(folder / ShardName(kParts[part], first / kTreesPerShard), "bench", trees);
    }
  }
}

ShardPaths ShardsOf(const fs::path& folder, const std::string& part) {
  ShardPaths paths;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (PartOfShard(entry.path().filename()) == part) paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

int Measure(const std::string& mode, const fs::path& folder) {
  const double start = MonotonicSeconds();
  std::uint64_t trees = 0, nodes = 0;
  std::vector<Tree> collected;
  const std::vector<ShardPaths> parts{ShardsOf(folder, kParts[0]), ShardsOf(folder, kParts[1])};
  if (mode == "collect") {
    for (const ShardPaths& part : parts) {
      VisitTrees(part, [&](const Tree& tree) { collected.push_back(tree); });
    }
    for (const Tree& tree : collected) nodes += tree.nodes.size();
    trees = collected.size();
  } else {
    VisitProblems(parts, [&](const std::vector<Tree>& of_problem) {
      for (const Tree& tree : of_problem) nodes += tree.nodes.size();
      trees += of_problem.size();
    });
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  fmt::print(
      "{{\"mode\": \"{}\", \"trees\": {}, \"nodes\": {}, \"seconds\": {:.2f}, \"peak_mb\": {}}}\n",
      mode, trees, nodes, MonotonicSeconds() - start, usage.ru_maxrss / 1024);
  return 0;
}

}  // namespace
}  // namespace gradus

int main(int argc, char** argv) {
  const std::string mode = argc > 2 ? argv[1] : "";
  const auto number = [&](int i, std::uint32_t otherwise) {
    return argc > i ? static_cast<std::uint32_t>(std::atoi(argv[i])) : otherwise;
  };
  try {
    if (mode == "write") gradus::WriteTrees(argv[2], number(3, 4096), number(4, 300));
    if (mode == "visit" || mode == "collect") return gradus::Measure(mode, argv[2]);
    return mode == "write" ? 0 : 2;
  } catch (const gradus::Error& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
