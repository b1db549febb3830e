#include "orchestrator/record/part_progress.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "schemas/base/error.h"
#include "schemas/base/seed.h"

namespace gradus {
namespace {

const PartId kPart{1, "rollout"};

Key KeyAt(std::uint32_t problem) { return {1, Phase::kRollout, problem, 0}; }

std::vector<Key> Keys(std::uint32_t count) {
  std::vector<Key> keys;
  for (std::uint32_t i = 0; i < count; ++i) keys.push_back(KeyAt(i));
  return keys;
}

std::string BytesOf(const Key& key) { return "tree of " + ToString(key); }

// The record of a shard that was written.
ShardSealed RecordOf(const FullShard& shard) {
  ShardSealed record;
  record.part = shard.part;
  record.file = shard.file;
  for (const auto& [key, bytes] : shard.results) record.keys.push_back(key);
  return record;
}

// Seals what is full; names and contents in the order of sealing.
std::vector<std::string> SealFull(PartProgress& progress) {
  std::vector<std::string> sealed;
  while (const auto shard = progress.NextFull()) {
    std::string line = shard->file + ":";
    for (const auto& [key, bytes] : shard->results) {
      CHECK(std::string(bytes).ends_with(ToString(key)));
      line += " " + std::to_string(key.problem);
    }
    sealed.push_back(line);
    progress.Seal(RecordOf(*shard));
  }
  return sealed;
}

}  // namespace

TEST_CASE("A shard is full when its last key is settled, not before") {
  PartProgress progress(3);
  progress.Begin(kPart, Keys(7));
  CHECK(progress.Missing() == Keys(7));
  progress.Accept(KeyAt(5), "tree of r1/rollout/p5/a0");
  progress.Accept(KeyAt(3), BytesOf(KeyAt(3)));
  CHECK_FALSE(progress.NextFull());
  progress.Accept(KeyAt(4), BytesOf(KeyAt(4)));
  CHECK(SealFull(progress) == std::vector<std::string>{"rollout-000001.h5: 3 4 5"});
  CHECK(progress.results() == 0);
  CHECK_FALSE(progress.AllSealed());
  CHECK(progress.Missing() == std::vector<Key>{KeyAt(0), KeyAt(1), KeyAt(2), KeyAt(6)});
  for (std::uint32_t i : {6u, 2u, 0u, 1u}) progress.Accept(KeyAt(i), BytesOf(KeyAt(i)));
  CHECK(SealFull(progress) ==
        std::vector<std::string>{"rollout-000000.h5: 0 1 2", "rollout-000002.h5: 6"});
  CHECK(progress.AllSealed());
  CHECK(progress.Missing().empty());
  CHECK(progress.SealedFiles(kPart) ==
        std::vector<std::string>{"rollout-000000.h5", "rollout-000001.h5", "rollout-000002.h5"});
}

TEST_CASE("Shards hold the same keys in whatever order results arrive and shards are sealed") {
  std::vector<std::string> expected;
  for (Seed seed = 0; seed < 50; ++seed) {
    Random random(seed);
    PartProgress progress(4);
    std::vector<Key> keys = Keys(18);
    random.Shuffle(keys);
    progress.Begin(kPart, keys);
    random.Shuffle(keys);
    std::vector<std::string> sealed;
    for (const Key& key : keys) {
      progress.Accept(key, BytesOf(key));
      if (random.Below(3) > 0) continue;
      for (std::string& line : SealFull(progress)) sealed.push_back(line);
    }
    for (std::string& line : SealFull(progress)) sealed.push_back(line);
    CHECK(progress.AllSealed());
    std::sort(sealed.begin(), sealed.end());
    if (seed == 0) expected = sealed;
    CHECK(sealed == expected);
    CHECK(sealed.size() == 5);
  }
}

TEST_CASE("A part resumed after any of its records goes on where they end") {
  // What happens, in order: results, keys given up, seals.
  struct Event {
    enum Kind { kAccept, kAbandon, kSeal } kind;
    Key key;
    ShardSealed shard;
  };
  for (Seed seed = 0; seed < 20; ++seed) {
    Random random(seed);
    std::vector<Event> events;
    PartProgress whole(3);
    whole.Begin(kPart, Keys(11));
    std::vector<Key> keys = Keys(11);
    random.Shuffle(keys);
    for (const Key& key : keys) {
      const bool given_up = random.Below(4) == 0;
      events.push_back({given_up ? Event::kAbandon : Event::kAccept, key, {}});
      given_up ? whole.Abandon(key) : whole.Accept(key, BytesOf(key));
      while (const auto shard = whole.NextFull()) {
        events.push_back({Event::kSeal, {}, RecordOf(*shard)});
        whole.Seal(events.back().shard);
      }
    }
    REQUIRE(whole.AllSealed());
    for (std::size_t prefix = 0; prefix <= events.size(); ++prefix) {
      PartProgress resumed(3);
      const auto tell = [&](const Event& event) {
        if (event.kind == Event::kAccept) resumed.Accept(event.key, BytesOf(event.key));
        if (event.kind == Event::kAbandon) resumed.Abandon(event.key);
        if (event.kind == Event::kSeal) resumed.Seal(event.shard);
      };
      for (std::size_t i = 0; i < prefix; ++i) tell(events[i]);
      resumed.Begin(kPart, Keys(11));
      // Missing is what the rest would settle.
      std::vector<Key> rest;
      for (std::size_t i = prefix; i < events.size(); ++i) {
        if (events[i].kind != Event::kSeal) rest.push_back(events[i].key);
      }
      std::sort(rest.begin(), rest.end());
      CHECK(resumed.Missing() == rest);
      for (std::size_t i = prefix; i < events.size(); ++i) {
        if (events[i].kind != Event::kSeal) tell(events[i]);
      }
      SealFull(resumed);
      CHECK(resumed.AllSealed());
      CHECK(resumed.SealedFiles(kPart) == whole.SealedFiles(kPart));
      CHECK(resumed.results() == 0);
    }
  }
}

TEST_CASE("A key that is accepted twice keeps its first result and counts once") {
  PartProgress progress(2);
  progress.Begin(kPart, Keys(2));
  progress.Accept(KeyAt(0), "first tree of r1/rollout/p0/a0");
  progress.Accept(KeyAt(0), "second");
  CHECK_FALSE(progress.NextFull());
  progress.Accept(KeyAt(1), BytesOf(KeyAt(1)));
  REQUIRE(progress.NextFull());
  CHECK(progress.NextFull()->results.front().second == "first tree of r1/rollout/p0/a0");
}

TEST_CASE("A key given up settles its shard and is not in it; a result that comes later is") {
  PartProgress progress(2);
  progress.Begin(kPart, Keys(6));
  progress.Abandon(KeyAt(0));
  progress.Accept(KeyAt(1), BytesOf(KeyAt(1)));
  progress.Abandon(KeyAt(2));
  progress.Accept(KeyAt(2), BytesOf(KeyAt(2)));  // Before its shard is sealed.
  progress.Accept(KeyAt(3), BytesOf(KeyAt(3)));
  progress.Abandon(KeyAt(3));
  progress.Abandon(KeyAt(4));
  progress.Abandon(KeyAt(5));
  CHECK(SealFull(progress) == std::vector<std::string>{"rollout-000000.h5: 1",
                                                       "rollout-000001.h5: 2 3",
                                                       "rollout-000002.h5:"});
  CHECK(progress.AllSealed());
  CHECK(progress.Abandoned(1) == 5);
  CHECK(progress.Abandoned(2) == 0);
}

TEST_CASE("What comes for a sealed shard changes nothing") {
  PartProgress progress(2);
  progress.Begin(kPart, Keys(4));
  for (std::uint32_t i : {0u, 1u}) progress.Accept(KeyAt(i), BytesOf(KeyAt(i)));
  CHECK(SealFull(progress).size() == 1);
  progress.Accept(KeyAt(0), BytesOf(KeyAt(0)));
  CHECK(progress.Missing() == std::vector<Key>{KeyAt(2), KeyAt(3)});
  progress.Abandon(KeyAt(1));
  CHECK_FALSE(progress.NextFull());
  CHECK(progress.Missing() == std::vector<Key>{KeyAt(2), KeyAt(3)});
  ShardSealed again;
  again.part = kPart;
  again.file = "rollout-000000.h5";
  progress.Seal(again);
  CHECK_FALSE(progress.AllSealed());
}

TEST_CASE("Parts do not see each other's keys and shards") {
  PartProgress progress(2);
  progress.Begin(kPart, Keys(2));
  for (const Key& key : Keys(2)) progress.Accept(key, BytesOf(key));
  CHECK(SealFull(progress).size() == 1);
  const std::vector<Key> hard{{1, Phase::kRolloutHard, 0, 1}, {1, Phase::kRolloutHard, 1, 1}};
  progress.Begin({1, "hard1"}, hard);
  CHECK(progress.Missing() == hard);
  progress.Accept(KeyAt(0), BytesOf(KeyAt(0)));  // Of the part before.
  CHECK(progress.Missing() == hard);
  progress.Begin({2, "rollout"}, {{2, Phase::kRollout, 0, 0}});
  CHECK(progress.Missing().size() == 1);
  CHECK(progress.SealedFiles({2, "rollout"}).empty());
  CHECK(progress.SealedFiles(kPart).size() == 1);
}

TEST_CASE("Records about keys and shards that no part has are remembered and harmless") {
  PartProgress progress(2);
  progress.Accept({9, Phase::kEvaluate, 9, 9}, "x");
  progress.Abandon({8, Phase::kEvaluate, 9, 9});
  progress.Seal({{7, "odd"}, "../odd.h5", "", "", 0, {KeyAt(99)}});
  progress.Begin(kPart, Keys(3));
  progress.Seal({kPart, "rollout-000009.h5", "", "", 0, {}});
  progress.Seal({kPart, "hard1-000000.h5", "", "", 0, {}});
  CHECK(progress.Missing() == Keys(3));
  CHECK_FALSE(progress.NextFull());
  CHECK(progress.results() == 1);
}

TEST_CASE("A part without keys is sealed from the start; one with a key twice is a bug") {
  PartProgress progress(2);
  progress.Begin(kPart, {});
  CHECK(progress.AllSealed());
  CHECK_THROWS_AS(progress.Begin(kPart, {KeyAt(1), KeyAt(0), KeyAt(1)}), Error);
  CHECK_THROWS_AS(PartProgress(0), Error);
}

}  // namespace gradus
