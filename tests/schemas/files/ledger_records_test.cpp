#include "schemas/files/ledger_records.h"

#include <doctest/doctest.h>

#include "schemas/base/error.h"
#include "schemas/base/seed.h"
#include "tests/fakes/random_tree.h"

namespace gradus {
namespace {

const Key kFirst{2, Phase::kRollout, 17, 0}, kSecond{2, Phase::kRolloutHard, 4000000000u, 3};

// Every kind that is JSON, and what stands on disk for it.
std::vector<std::pair<LedgerEntry, Record>> Samples() {
  using enum RecordKind;
  return {
      {RunStarted{"0123abcd", 3, "c0ffee", 4, 1.5},
       {kRunStarted,
        R"({"config_digest":"c0ffee","epoch":3,"ranks":4,"run_id":"0123abcd","unix_s":1.5})"}},
      {PartStarted{{2, "hard1"}, 747000},
       {kPhaseStarted, R"({"keys":747000,"part":"hard1","round":2})"}},
      {ShardSealed{{2, "rollout"}, "rollout-000003.h5", "aa", "bb", 2, {kFirst, kSecond}},
       {kShardSealed,
        R"({"content_digest":"bb","file":"rollout-000003.h5","keys":[[2,1,17,0],[2,2,4000000000,3]],)"
        R"("part":"rollout","round":2,"sha256":"aa","trees":2})"}},
      {PhaseDone{{0, "train_bootstrap"}, 12.0},
       {kPhaseDone, R"({"part":"train_bootstrap","round":0,"seconds":12.0})"}},
      {RoundPublished{1, "dd"}, {kRoundPublished, R"({"manifest_sha256":"dd","round":1})"}},
      {WorkerLost{5, "silent for 30 s", 8, 1700000000.25},
       {kWorkerLost, R"({"leases":8,"rank":5,"reason":"silent for 30 s","unix_s":1700000000.25})"}},
      {KeyAbandoned{kSecond, {2, "hard1"}, "three \"workers\"\ndied"},
       {kAbandoned,
        R"({"key":[2,2,4000000000,3],"part":"hard1","reason":"three \"workers\"\ndied","round":2})"}},
  };
}

std::string Fault(RecordKind kind, const std::string& payload) {
  try {
    ParseEntry({kind, payload});
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("The bytes of every kind of record are what older runs have on disk") {
  for (const auto& [entry, record] : Samples()) {
    CHECK(ToRecord(entry).kind == record.kind);
    CHECK(ToRecord(entry).payload == record.payload);
  }
}

TEST_CASE("Every kind of record gives back what was written") {
  for (const auto& [entry, record] : Samples()) {
    const LedgerEntry read = ParseEntry(record);
    CHECK(read.index() == entry.index());
    CHECK(ToRecord(read).payload == record.payload);
  }
  const Tree tree = RandomTrees(1).Make(kFirst);
  const Record record = ToRecord(tree);
  CHECK(record.kind == RecordKind::kResult);
  CHECK(record.payload == SerializeTree(tree));
  CHECK(SerializeTree(std::get<Tree>(ParseEntry(record))) == record.payload);
}

TEST_CASE("A record cut anywhere is malformed and says of which kind") {
  for (const auto& [entry, record] : Samples()) {
    const std::string kind = "kind " + std::to_string(static_cast<int>(record.kind));
    for (std::size_t size = 0; size < record.payload.size(); ++size) {
      CHECK(Fault(record.kind, record.payload.substr(0, size)).find(kind) != std::string::npos);
    }
  }
  CHECK(Fault(RecordKind::kResult, "no tree").find("kind 3") != std::string::npos);
}

TEST_CASE("Records with fields missing, of another type or out of range are malformed") {
  using enum RecordKind;
  for (const auto& [kind, payload] : std::vector<Record>{
           {kRunStarted, R"({"config_digest":"c","epoch":-1,"ranks":4,"run_id":"a","unix_s":1})"},
           {kRunStarted, R"({"config_digest":"c","epoch":1.5,"ranks":4,"run_id":"a","unix_s":1})"},
           {kRunStarted, R"({"config_digest":7,"epoch":1,"ranks":4,"run_id":"a","unix_s":1})"},
           {kPhaseStarted, R"({"keys":1,"part":"x"})"},
           {kPhaseStarted, R"({"keys":1,"part":"x","round":-1})"},
           {kPhaseStarted, R"({"keys":1,"part":"x","round":2147483648})"},
           {kPhaseStarted, R"({"keys":18446744073709551616,"part":"x","round":1})"},
           {kPhaseStarted, R"([1, "x", 2])"},
           {kPhaseDone, R"({"part":"x","round":1,"seconds":null})"},
           {kPhaseDone, "null"},
           {kRoundPublished, R"({"manifest_sha256":["d"],"round":1})"},
           {kAbandoned, R"({"key":[2,9,1,1],"part":"x","reason":"","round":2})"},
           {kAbandoned, R"({"key":[2,1,1],"part":"x","reason":"","round":2})"},
           {kAbandoned, R"({"key":[2,1,1,1,1],"part":"x","reason":"","round":2})"},
           {kAbandoned, R"({"key":[2,1,4294967296,1],"part":"x","reason":"","round":2})"},
           {kAbandoned, R"({"key":{"a":1},"part":"x","reason":"","round":2})"},
           {kShardSealed, R"({"content_digest":"b","file":"f","keys":7,"part":"r","round":2,)"
                          R"("sha256":"a","trees":2})"},
           {kShardSealed, R"({"content_digest":"b","file":"f","keys":null,"part":"r","round":2,)"
                          R"("sha256":"a","trees":2})"},
           {static_cast<RecordKind>(99), "{}"}}) {
    CAPTURE(payload);
    CHECK(Fault(kind, payload) != "");
  }
}

TEST_CASE("Random bytes are no record of any kind, and no crash") {
  Random random(3);
  for (int i = 0; i < 2000; ++i) {
    std::string payload;
    for (std::uint64_t n = random.Below(60); n > 0; --n)
      payload.push_back("{}[],:\"0123456789eroundpat\\\xff"[random.Below(27)]);
    CHECK(Fault(static_cast<RecordKind>(1 + random.Below(8)), payload) != "");
  }
}

TEST_CASE("A reason that is no UTF-8 is recorded all the same") {
  const Record record = ToRecord(WorkerLost{1, "broken \xff\xfe byte", 0, 0});
  CHECK(std::get<WorkerLost>(ParseEntry(record)).reason == "broken \xEF\xBF\xBD\xEF\xBF\xBD byte");
}

TEST_CASE("A shard's file name begins with its part, and names sort as shards do") {
  CHECK(ShardName("hard1", 12) == "hard1-000012.h5");
  CHECK(PartOfShard(ShardName("rollout", 3)) == "rollout");
  CHECK(ShardName("a", 9) < ShardName("a", 10));
}

}  // namespace gradus
