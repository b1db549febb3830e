#include "orchestrator/inspect/fsck.h"

#include <doctest/doctest.h>

#include <optional>

#include "orchestrator/record/recorder.h"
#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "schemas/files/manifest.h"
#include "schemas/files/training_row.h"
#include "tests/fakes/random_tree.h"
#include "tests/fakes/temp_folder.h"

namespace gradus {
namespace {

// A run directory of rounds 0 and 1 as a run leaves it, and perhaps a round 2 in the middle of its
// rollout.
class SmallRun {
 public:
  SmallRun() : files_{folder_.path() / "run"} {
    MakeFolder(files_.root);
    WriteBytes(files_.Config(), "preset: rstar_math\n");
    recorder_.emplace(files_, 4);
    recorder_->StartEpoch(Sha256File(files_.Config()), 3);
    Publish(0);
    Rollout({1, "rollout"}, 10, 10);
    recorder_->End({1, "rollout"}, 1.0);
    MakeFolder(files_.Selection(1));
    WriteSftRows(files_.Sft(1), {SftRow{{}, 0.5, "", {1, 2, 3}, {0, 1, 1}}});
    WritePairs(files_.Pairs(1), {});
    Publish(1);
  }

  const RunFiles& files() const { return files_; }
  Recorder& recorder() { return *recorder_; }
  FsckReport Check(FsckDepth depth = FsckDepth::kFull) const { return CheckRun(files_, depth); }
  fs::path Ledger() const { return files_.Ledger() / "000001.log"; }
  fs::path Shard(const char* name) const { return files_.Shards(1) / name; }

  // Begins a part of `keys` keys and accepts results for the first `results` of them.
  void Rollout(const PartId& part, std::uint32_t keys, std::uint32_t results) {
    std::vector<Key> all;
    for (std::uint32_t i = 0; i < keys; ++i) {
      all.push_back({static_cast<std::uint32_t>(part.round), Phase::kRollout, i, 0});
    }
    recorder_->Begin(part, all);
    for (std::uint32_t i = 0; i < results; ++i) {
      recorder_->Accept(all[i], SerializeTree(trees_.Make(all[i])));
    }
    recorder_->Commit();
  }

 private:
  void Publish(RoundIndex round) {
    MakeFolder(files_.Policy(round));
    WriteBytes(files_.Policy(round) / "model.safetensors", "weights of " + std::to_string(round));
    Manifest manifest;
    manifest.round = round;
    manifest.run_id = recorder_->run_id();
    manifest.config_digest = Sha256File(files_.Config());
    if (round > 0) manifest.parent_sha256 = Sha256File(files_.Manifest(round - 1));
    manifest.content_digest = Sha256("content of " + std::to_string(round));
    manifest.files = ListFiles(files_.Round(round));
    WriteManifest(files_.Manifest(round), manifest);
    WriteBytes(files_.Current(), std::to_string(round) + "\n");
    recorder_->NotePublished(round, Sha256File(files_.Manifest(round)));
  }

  TempFolder folder_;
  RunFiles files_;
  RandomTrees trees_{21};
  std::optional<Recorder> recorder_;
};

// The only finding of a report, as one line.
std::string Only(const FsckReport& report) {
  REQUIRE(report.findings.size() == 1);
  const FsckFinding& finding = report.findings[0];
  CHECK_FALSE(finding.remedy.empty());
  return finding.file + ": " + finding.what;
}

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string Flipped(std::string bytes, std::size_t at) {
  bytes[at] = static_cast<char>(bytes[at] ^ (1 << (at % 8)));
  return bytes;
}

}  // namespace

TEST_CASE("A run as it was written is clean") {
  SmallRun run;
  const FsckReport report = run.Check();
  CHECK(report.findings.empty());
  CHECK(report.notes.empty());
  CHECK(report.shards == 3);
  CHECK(report.trees == 10);
  CHECK(report.files == 9);
  REQUIRE(report.rounds.size() == 2);
  CHECK(report.rounds[1].content_digest == Sha256("content of 1"));
  CHECK(run.Check(FsckDepth::kFast).findings.empty());
}

TEST_CASE("A round in progress is a note; its sealed shards are checked all the same") {
  SmallRun run;
  run.Rollout({2, "rollout"}, 10, 6);
  const FsckReport report = run.Check();
  CHECK(report.findings.empty());
  REQUIRE(report.notes.size() == 1);
  CHECK(report.notes[0] == "round 2 in progress");
  CHECK(report.shards == 4);
  const fs::path shard = run.files().Shards(2) / "rollout-000000.h5";
  WriteBytes(shard, Flipped(ReadFile(shard), 2000));
  CHECK(Contains(Only(run.Check()), "0002/shards/rollout-000000.h5: "));
}

TEST_CASE("A flipped byte in any file of the run is found, in that file") {
  SmallRun run;
  std::vector<fs::path> paths;
  for (const auto& entry : fs::recursive_directory_iterator(run.files().root)) {
    if (entry.is_regular_file()) paths.push_back(entry.path());
  }
  CHECK(paths.size() == 12);
  for (const fs::path& path : paths) {
    const std::string good = ReadFile(path);
    for (std::size_t at = 0; at < good.size(); at += good.size() / 12 + 1) {
      CAPTURE(path.string());
      CAPTURE(at);
      WriteBytes(path, Flipped(good, at));
      const FsckReport report = run.Check();
      REQUIRE_FALSE(report.findings.empty());
      CHECK(report.findings[0].file == path.string());
    }
    WriteBytes(path, good);
  }
  CHECK(run.Check().findings.empty());
}

TEST_CASE("Every missing file is found by name") {
  SmallRun run;
  for (const fs::path& path :
       {run.files().Manifest(0), run.files().Manifest(1), run.files().Sft(1),
        run.Shard("rollout-000001.h5"), run.files().Policy(0) / "model.safetensors"}) {
    const std::string good = ReadFile(path);
    fs::remove(path);
    CHECK(Contains(Only(run.Check()), path.string() + ": missing"));
    WriteBytes(path, good);
  }
  fs::remove_all(run.files().Round(0));
  CHECK(Contains(Only(run.Check()), "rounds/0000"));
}

TEST_CASE("A shard that is intact but not the recorded one is found") {
  SmallRun run;
  fs::copy_file(run.Shard("rollout-000001.h5"), run.Shard("rollout-000000.h5"),
                fs::copy_options::overwrite_existing);
  CHECK(Contains(Only(run.Check()), "rollout-000000.h5"));
}

TEST_CASE("The ledger's arithmetic names what does not add up") {
  const auto fault = [](auto change) {
    SmallRun run;
    change(run);
    return Only(run.Check());
  };
  RandomTrees trees(30);
  const Key known{1, Phase::kRollout, 3, 0}, unknown{1, Phase::kRollout, 77, 0};
  CHECK(Contains(
      fault([&](SmallRun& run) {
        run.recorder().Accept(known, SerializeTree(trees.Make({1, Phase::kRollout, 3, 0})));
        run.recorder().NoteDone({1, "select"}, 0);
      }),
      "r1/rollout/p3/a0 was accepted twice"));
  CHECK(Contains(fault([&](SmallRun& run) {
                   run.recorder().Accept(unknown, SerializeTree(trees.Make(unknown)));
                   run.recorder().NoteDone({1, "select"}, 0);
                 }),
                 "r1/rollout/p77/a0 accepted, but in no shard"));
  CHECK(Contains(fault([&](SmallRun& run) {
                   run.Rollout({2, "rollout"}, 10, 6);
                   run.recorder().NoteDone({2, "rollout"}, 0);
                 }),
                 "round 2 rollout ended with 4 of its 10 keys"));
}

TEST_CASE("A key that was given up counts as settled") {
  SmallRun run;
  run.Rollout({2, "rollout"}, 5, 4);
  run.recorder().Abandon({2, Phase::kRollout, 4, 0}, "three workers died on it");
  run.recorder().End({2, "rollout"}, 1.0);
  CHECK(run.Check().findings.empty());
  run.recorder().Abandon({2, Phase::kRollout, 0, 0}, "mistaken");
  run.recorder().NoteDone({2, "select"}, 0);
  CHECK(run.Check().findings.size() == 2);  // Accepted and abandoned; and one settled key too many.
}

TEST_CASE("A torn end of the ledger is a note, not damage") {
  SmallRun run;
  run.Rollout({2, "rollout"}, 10, 3);
  const std::string good = ReadFile(run.Ledger());
  WriteBytes(run.Ledger(), good.substr(0, good.size() - 5));
  const FsckReport report = run.Check();
  CHECK(report.findings.empty());
  CHECK(report.notes.size() == 2);
}

TEST_CASE("A damaged ledger does not keep the shards from being checked") {
  SmallRun run;
  run.Rollout({2, "rollout"}, 10, 6);
  const fs::path shard = run.files().Shards(2) / "rollout-000000.h5";
  WriteBytes(run.Ledger(), Flipped(ReadFile(run.Ledger()), 100));
  WriteBytes(shard, Flipped(ReadFile(shard), 2000));
  const FsckReport report = run.Check();
  REQUIRE(report.findings.size() == 2);
  CHECK(report.findings[0].file == run.Ledger().string());
  CHECK(report.findings[1].file == shard.string());
  CHECK(report.trees == 10);
}

TEST_CASE("A manifest that was replaced as a whole is found by its hash chain") {
  SmallRun run;
  Manifest manifest = ReadManifest(run.files().Manifest(0));
  manifest.content_digest = Sha256("another");
  WriteManifest(run.files().Manifest(0), manifest);
  CHECK_FALSE(run.Check().findings.empty());
  CHECK_FALSE(run.Check(FsckDepth::kFast).findings.empty());
}

TEST_CASE("What is no run directory is an error, not a report") {
  TempFolder folder;
  CHECK_THROWS_AS(CheckRun(RunFiles{folder.path()}), Error);
  CHECK_THROWS_AS(CheckRun(RunFiles{folder.path() / "absent"}), Error);
}

}  // namespace gradus
