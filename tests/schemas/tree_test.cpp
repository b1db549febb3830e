#include "schemas/tree.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "schemas/base/error.h"
#include "schemas/files/content_hash.h"
#include "tests/fakes/random_tree.h"

namespace gradus {
namespace {

const Key kKey{3, Phase::kRolloutHard, 17, 2};

// A root, two steps in a row and a correct answer below.
Tree Chain() {
  Tree tree;
  tree.key = kKey;
  tree.nodes.resize(4);
  for (int i = 1; i < 4; ++i) {
    tree.nodes[i].parent = i - 1;
    tree.nodes[i].depth = static_cast<std::uint16_t>(i);
    tree.nodes[i].kind = i < 3 ? NodeKind::kStep : NodeKind::kAnswer;
    tree.nodes[i].q_sum = i;
    tree.nodes[i].visits = 2;
  }
  return tree;
}

}  // namespace

TEST_CASE("A tree survives its binary form") {
  RandomTrees trees(11);
  for (std::uint32_t i = 0; i < 200; ++i) {
    const Tree tree = trees.Make({1, Phase::kEvaluate, i, i % 3});
    const std::string bytes = SerializeTree(tree);
    const Tree back = ParseTree(bytes);
    CHECK(SerializeTree(back) == bytes);
    CHECK(back.nodes.size() == tree.nodes.size());
    CHECK(back.key == tree.key);
    CHECK(back.cost.host == tree.cost.host);
  }
}

TEST_CASE("Every shortened binary tree is an error") {
  const std::string bytes = SerializeTree(RandomTrees(12).Make(kKey));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CHECK_THROWS_AS(ParseTree(std::string_view(bytes).substr(0, size)), Error);
  }
  CHECK_THROWS_AS(ParseTree(bytes + '\0'), Error);
}

TEST_CASE("Parsing survives arbitrary garbage") {
  Random random(13);
  const std::string good = SerializeTree(RandomTrees(13).Make(kKey));
  int refused = 0;
  for (int round = 0; round < 5000; ++round) {
    std::string bytes = good;
    for (std::uint64_t n = 1 + random.Below(4); n > 0; --n) {
      bytes[random.Below(bytes.size())] = static_cast<char>(random.Below(256));
    }
    try {
      CheckTree(ParseTree(bytes));  // Whatever parses has the right shape.
    } catch (const Error&) {
      ++refused;
    }
  }
  CHECK(refused > 100);
  CHECK(refused < 5000);
}

TEST_CASE("A tree of the wrong shape is refused, with its key and node") {
  const auto fault = [](auto change) {
    Tree tree = Chain();
    change(tree);
    try {
      ParseTree(SerializeTree(tree));
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK(fault([](Tree&) {}) == "");
  const std::string where = "r3/rollout_hard/p17/a2: node 2";
  CHECK(fault([](Tree& t) { t.nodes[2].parent = 2; }).find(where) != std::string::npos);
  CHECK(fault([](Tree& t) { t.nodes[2].parent = 3; }).find(where) != std::string::npos);
  CHECK(fault([](Tree& t) { t.nodes[2].parent = -1; }).find(where) != std::string::npos);
  CHECK(fault([](Tree& t) { t.nodes[2].depth = 9; }).find(where) != std::string::npos);
  CHECK(fault([](Tree& t) { t.nodes[2].kind = NodeKind::kRoot; }).find(where) != std::string::npos);
  CHECK(fault([](Tree& t) { t.nodes[2].tokens = {-5}; }).find(where) != std::string::npos);
  CHECK(fault([](Tree& t) { t.nodes[2].samples = 0; }).find(where) != std::string::npos);
  CHECK(fault([](Tree& t) { t.nodes[2].q_sum = std::nan(""); }).find(where) != std::string::npos);
  CHECK(fault([](Tree& t) { t.nodes[2].logprobs = {-1.f}; }).find(where) != std::string::npos);
  CHECK(fault([](Tree& t) { t.nodes[2].kind = static_cast<NodeKind>(4); }) != "");
  CHECK(fault([](Tree& t) { t.nodes[2].kind = NodeKind::kFailed; }).find("terminal") !=
        std::string::npos);
  CHECK(fault([](Tree& t) { t.nodes[1].judgement.verdict = static_cast<Verdict>(3); }) != "");
  CHECK(fault([](Tree& t) { t.nodes[0].logprobs = {-1.f}; }) != "");
  CHECK(fault([](Tree& t) { t.nodes.clear(); }) != "");
  CHECK(fault([](Tree& t) { t.key.phase = static_cast<Phase>(0); }) != "");
  CHECK(fault([](Tree& t) { t.cost.search_s = std::numeric_limits<double>::infinity(); }) != "");
}

TEST_CASE("The content digest ignores clock times, host and rank, and nothing else") {
  RandomTrees random(14);
  std::vector<Tree> trees = random.MakeMany(5);
  const std::string digest = ContentDigest(trees);
  for (Tree& tree : trees) random.SetTiming(tree);
  CHECK(ContentDigest(trees) == digest);
  const auto changes = [&](auto change) {
    std::vector<Tree> other = trees;
    change(other);
    return ContentDigest(other) != digest;
  };
  CHECK(changes([](auto& t) { t[1].seed ^= 1; }));
  CHECK(changes([](auto& t) { t[1].cost.programs += 1; }));
  CHECK(changes([](auto& t) { t[1].cost.tokens_scored += 1; }));
  CHECK(changes([](auto& t) { t[2].nodes[0].text += "x"; }));
  CHECK(changes([](auto& t) { t[2].nodes[0].visits += 1; }));
  CHECK(changes([](auto& t) { t[4].verifier += "x"; }));
  CHECK(changes([](auto& t) { t.pop_back(); }));
  CHECK(changes([](auto& t) { std::swap(t[0], t[1]); }));
}

TEST_CASE("Text cannot move between neighbouring fields under one digest") {
  std::vector<Tree> left{Chain()}, right{Chain()};
  left[0].policy_digest = "ab";
  right[0].policy_digest = "a";
  right[0].ppm_digest = "b";
  CHECK(ContentDigest(left) != ContentDigest(right));
}

TEST_CASE("A path leads from the root's child to the leaf, and its mean Q leaves the root out") {
  Tree tree = Chain();
  tree.nodes[0].q_sum = 100;
  tree.nodes[0].visits = 1;
  CHECK(PathTo(tree, 3) == std::vector<std::int32_t>{1, 2, 3});
  CHECK(PathTo(tree, 0).empty());
  CHECK(AnswerLeaves(tree) == std::vector<std::int32_t>{3});
  CHECK(MeanQ(tree, 3) == doctest::Approx((0.5 + 1.0 + 1.5) / 3));
  CHECK(MeanQ(tree, 0) == 0);
  tree.nodes[3].visits = 0;
  CHECK(MeanQ(tree, 3) == doctest::Approx((0.5 + 1.0) / 3));
}

TEST_CASE("Keys and phases survive their text form, and nothing else parses") {
  for (Phase phase : {Phase::kRollout, Phase::kRolloutHard, Phase::kEvaluate}) {
    const Key key{12, phase, 4000000000u, 7};
    CHECK(ParseKey(ToString(key)) == key);
    CHECK(ParsePhase(ToString(phase)) == phase);
  }
  CHECK(ToString(Key{1, Phase::kRollout, 17, 0}) == "r1/rollout/p17/a0");
  for (const char* text : {"", "r1", "r1/rollout", "r1/rollout/p1", "r1/rollout/p1/a", "r1/x/p1/a1",
                           "r1/rollout/p1/a1 ", "r-1/rollout/p1/a1", "r1/rollout/p99999999999/a1",
                           "1/rollout/p1/a1", "r1rollout/p1/a1"}) {
    CHECK_THROWS_AS(ParseKey(text), Error);
  }
}

}  // namespace gradus
