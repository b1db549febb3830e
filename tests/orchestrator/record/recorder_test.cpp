#include "orchestrator/record/recorder.h"

#include <doctest/doctest.h>

#include <set>

#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "tests/fakes/random_tree.h"
#include "tests/fakes/temp_folder.h"

namespace gradus {
namespace {

const PartId kPart{1, "rollout"};
constexpr std::uint32_t kKeys = 10;
constexpr int kPerShard = 4;

std::vector<Key> Keys(std::uint32_t count = kKeys) {
  std::vector<Key> keys;
  for (std::uint32_t i = 0; i < count; ++i) keys.push_back({1, Phase::kRollout, i, 0});
  return keys;
}

// The same bytes for the same key, as a search would give.
std::string TreeBytes(const Key& key) {
  return SerializeTree(RandomTrees(key.problem + 100 * key.attempt).Make(key));
}

std::vector<Record> Records(const RunFiles& files) {
  std::vector<Record> records;
  ReplayLedger(files.Ledger(), [&](const Record& record) { records.push_back(record); });
  return records;
}

std::vector<std::string> TreesOf(const Recorder& recorder, const PartId& part) {
  std::vector<std::string> trees;
  VisitTrees(recorder.Shards(part), [&](const Tree& t) { trees.push_back(SerializeTree(t)); });
  return trees;
}

// Runs the part to its end; some keys are given up.
void Finish(Recorder& recorder) {
  for (const Key& key : recorder.Begin(kPart, Keys())) {
    if (key.problem == 6) {
      recorder.Abandon(key, "three workers died on it");
    } else {
      recorder.Accept(key, TreeBytes(key));
    }
    if (key.problem % 3 == 0) recorder.Commit();
  }
  recorder.End(kPart, 1.5);
}

}  // namespace

TEST_CASE("A finished part's trees are those that were accepted, in key order") {
  TempFolder folder;
  Recorder recorder(RunFiles{folder.path()}, kPerShard);
  recorder.StartEpoch("digest", 3);
  CHECK_FALSE(recorder.IsDone(kPart));
  Finish(recorder);
  CHECK(recorder.IsDone(kPart));
  CHECK(recorder.Shards(kPart).size() == 3);
  std::vector<std::string> expected;
  for (const Key& key : Keys()) {
    if (key.problem != 6) expected.push_back(TreeBytes(key));
  }
  CHECK(TreesOf(recorder, kPart) == expected);
  CHECK(recorder.Abandoned(1) == 1);
  CHECK(recorder.Seconds(1).at("rollout") == 1.5);
  CHECK(recorder.Shards({1, "roll"}).empty());
}

TEST_CASE("A run killed after any record goes on from there and ends with the same shards") {
  TempFolder whole;
  const RunFiles files{whole.path()};
  std::vector<std::string> expected;
  {
    Recorder recorder(files, kPerShard);
    recorder.StartEpoch("digest", 3);
    recorder.NoteWorkerLost(2, "silent", 4);
    Finish(recorder);
    expected = TreesOf(recorder, kPart);
  }
  const std::vector<Record> records = Records(files);
  REQUIRE(records.size() == 1 + 1 + 1 + kKeys + 3 + 1);
  for (std::size_t prefix = 0; prefix <= records.size(); ++prefix) {
    TempFolder folder;
    const RunFiles resumed_files{folder.path()};
    std::set<Key> settled;
    {
      Ledger ledger(resumed_files.Ledger(), [](const Record&) {});
      for (std::size_t i = 0; i < prefix; ++i) {
        ledger.Append(records[i]);
        const LedgerEntry entry = ParseEntry(records[i]);
        if (const auto* tree = std::get_if<Tree>(&entry)) settled.insert(tree->key);
        if (const auto* given_up = std::get_if<KeyAbandoned>(&entry)) settled.insert(given_up->key);
      }
      ledger.Sync();
    }
    // Shards are renamed before they are recorded: those on disk may be ahead of the ledger.
    MakeFolder(resumed_files.Shards(1));
    fs::copy(files.Shards(1), resumed_files.Shards(1));
    Recorder recorder(resumed_files, kPerShard);
    CHECK(recorder.epoch() == (prefix > 0 ? 1u : 0u));
    CHECK(recorder.workers_lost() == (prefix > 1 ? 1u : 0u));
    recorder.StartEpoch("digest", 2);
    CHECK(recorder.IsDone(kPart) == (prefix == records.size()));
    if (!recorder.IsDone(kPart)) {
      CHECK(recorder.Begin(kPart, Keys()).size() == kKeys - settled.size());
      Finish(recorder);
    }
    CHECK(TreesOf(recorder, kPart) == expected);
    CHECK(recorder.Abandoned(1) == 1);
  }
}

TEST_CASE("Nothing is sealed before its results are on disk") {
  TempFolder folder;
  const RunFiles files{folder.path()};
  Recorder recorder(files, kPerShard);
  recorder.StartEpoch("digest", 1);
  recorder.Begin(kPart, Keys());
  for (const Key& key : Keys()) recorder.Accept(key, TreeBytes(key));
  CHECK(Records(files).size() == 1);
  CHECK(fs::is_empty(files.Shards(1)));
  recorder.Commit();
  const std::vector<Record> records = Records(files);
  REQUIRE(records.size() == 2 + kKeys + 3);
  for (std::size_t i = 2; i < 2 + kKeys; ++i) CHECK(records[i].kind == RecordKind::kResult);
  for (std::size_t i = 2 + kKeys; i < records.size(); ++i) {
    const auto sealed = std::get<ShardSealed>(ParseEntry(records[i]));
    CHECK(sealed.file == ShardName("rollout", i - 2 - kKeys));
  }
}

TEST_CASE("A commit makes results durable though no shard is full") {
  TempFolder folder;
  const RunFiles files{folder.path()};
  Recorder recorder(files, kPerShard);
  recorder.StartEpoch("digest", 1);
  recorder.Begin(kPart, Keys());
  recorder.Accept(Keys()[0], TreeBytes(Keys()[0]));
  recorder.Commit();
  CHECK(Records(files).back().kind == RecordKind::kResult);
  CHECK(fs::is_empty(files.Shards(1)));
}

TEST_CASE("A part may not end with a key open, nor another part than the one in progress") {
  TempFolder folder;
  Recorder recorder(RunFiles{folder.path()}, kPerShard);
  recorder.StartEpoch("digest", 1);
  recorder.Begin(kPart, Keys());
  for (const Key& key : Keys(9)) recorder.Accept(key, TreeBytes(key));
  CHECK_THROWS_AS(recorder.End(kPart, 1), Error);
  recorder.Accept(Keys()[9], TreeBytes(Keys()[9]));
  CHECK_THROWS_AS(recorder.End({1, "hard1"}, 1), Error);
  recorder.End(kPart, 1);
}

TEST_CASE("A run keeps its id, counts its starts and adds up the seconds of a phase") {
  TempFolder folder;
  const RunFiles files{folder.path()};
  std::string id;
  for (std::uint32_t start = 1; start <= 3; ++start) {
    Recorder recorder(files, kPerShard);
    recorder.StartEpoch("digest", 3);
    if (start == 1) id = recorder.run_id();
    CHECK(recorder.run_id() == id);
    CHECK(recorder.epoch() == start);
    recorder.NoteDone({1, "select"}, 2);
    CHECK(recorder.Seconds(1).at("select") == 2 * start);
    CHECK(recorder.Seconds(2).empty());
  }
  CHECK(id.size() == 16);
}

TEST_CASE("A record that makes no sense stops the start, with the ledger's name") {
  for (const Record& bad : std::vector<Record>{{RecordKind::kPhaseDone, "{\"round\":1}"},
                                               {RecordKind::kShardSealed, "[]"},
                                               {RecordKind::kAbandoned, "{\"key\":[1,9,0,0]}"},
                                               {RecordKind::kRunStarted, "\xff"},
                                               {RecordKind::kResult, "no tree"}}) {
    TempFolder folder;
    const RunFiles files{folder.path()};
    {
      Ledger ledger(files.Ledger(), [](const Record&) {});
      ledger.Append(bad);
      ledger.Sync();
    }
    CHECK_THROWS_WITH_AS(Recorder(files, kPerShard),
                         doctest::Contains(files.Ledger().string().c_str()), Error);
  }
}

}  // namespace gradus
