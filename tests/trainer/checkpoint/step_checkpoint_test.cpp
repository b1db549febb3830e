#include "trainer/checkpoint/step_checkpoint.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "tests/fakes/temp_folder.h"

namespace gradus {
namespace {

constexpr std::size_t kParameters = 23;

CheckpointManifest ManifestAt(int step) {
  CheckpointManifest manifest;
  manifest.parameters = kParameters;
  manifest.state.step = step;
  manifest.state.skipped_in_row = 1;
  manifest.state.best_step = 7;
  manifest.state.best_value = 0.625;
  manifest.state.report.tokens = 12345678901;
  manifest.state.report.skipped_steps = 2;
  manifest.state.report.first_loss = 1.0 / 3;
  manifest.state.report.last_loss = std::numeric_limits<double>::quiet_NaN();
  return manifest;
}

ShardState ShardOf(ParameterRange range, float seed) {
  ShardState shard;
  shard.range = range;
  for (std::size_t i = range.first; i < range.last; ++i) {
    shard.masters.push_back(seed + float(i));
    shard.first_moment.push_back(seed + float(i) / 7);
    shard.second_moment.push_back(std::numeric_limits<float>::infinity());
    shard.best.push_back(-float(i));
  }
  return shard;
}

const std::vector<ParameterRange> kShards{{0, 10}, {10, 10}, {10, 23}};

void Save(const StepCheckpoints& checkpoints, int step,
          const std::vector<ParameterRange>& shards = kShards) {
  CheckpointManifest manifest = ManifestAt(step);
  for (std::size_t rank = 0; rank < shards.size(); ++rank)
    manifest.shards.push_back(checkpoints.WriteShard(step, int(rank), int(shards.size()),
                                                     ShardOf(shards[rank], float(step))));
  checkpoints.Publish(manifest);
}

ShardState Load(const StepCheckpoints& checkpoints, int step,
                ParameterRange range = {0, kParameters}) {
  return checkpoints.ReadShard(
      checkpoints.ParseManifest(checkpoints.ReadManifest(step), kParameters), range);
}

TEST_CASE("A step checkpoint comes back as it was, losses that are not numbers too") {
  TempFolder folder;
  Save(StepCheckpoints(folder.path() / "steps", "order"), 40);
  const StepCheckpoints checkpoints(folder.path() / "steps", "order");
  REQUIRE(checkpoints.Steps() == std::vector<int>{40});
  const CheckpointManifest manifest =
      checkpoints.ParseManifest(checkpoints.ReadManifest(40), kParameters);
  CHECK(manifest.state.step == 40);
  CHECK(manifest.state.skipped_in_row == 1);
  CHECK(manifest.state.best_step == 7);
  CHECK(manifest.state.best_value == 0.625);
  CHECK(manifest.state.report.tokens == 12345678901);
  CHECK(manifest.state.report.skipped_steps == 2);
  CHECK(manifest.state.report.first_loss == 1.0 / 3);
  CHECK(std::isnan(manifest.state.report.last_loss));
}

TEST_CASE("Any stretch is read from whatever shards hold it") {
  TempFolder folder;
  const StepCheckpoints checkpoints(folder.path(), "order");
  Save(checkpoints, 5);
  for (std::size_t first = 0; first <= kParameters; ++first) {
    for (std::size_t last = first; last <= kParameters; ++last) {
      const ShardState found = Load(checkpoints, 5, {first, last});
      const ShardState expected = ShardOf({first, last}, 5);
      CHECK(found.masters == expected.masters);
      CHECK(found.first_moment == expected.first_moment);
      CHECK(found.second_moment == expected.second_moment);
      CHECK(found.best == expected.best);
    }
  }
}

TEST_CASE("The newest two stay, and a step may be written again") {
  TempFolder folder;
  const StepCheckpoints checkpoints(folder.path(), "order");
  for (int step : {10, 20, 30, 30}) Save(checkpoints, step);
  CHECK(checkpoints.Steps() == std::vector<int>{30, 20});
  checkpoints.Clear();
  CHECK(checkpoints.Steps().empty());
  CHECK_FALSE(fs::exists(folder.path() / "step-00000020"));
}

TEST_CASE("A flipped bit anywhere is found before anything is loaded") {
  TempFolder folder;
  const StepCheckpoints checkpoints(folder.path(), "order");
  Save(checkpoints, 20);
  for (const char* name :
       {"shard-00000-of-00003.safetensors", "shard-00002-of-00003.safetensors", "step.json"}) {
    const fs::path file = folder.path() / "step-00000020" / name;
    const std::string whole = ReadFile(file);
    for (std::size_t at = 0; at < whole.size(); ++at) {
      std::string bytes = whole;
      bytes[at] = char(bytes[at] ^ 1);
      WriteFileAtomically(file, bytes);
      try {
        Load(checkpoints, 20);
        // White space between JSON values changes nothing.
        CHECK((std::string(name) == "step.json" && std::isspace(whole[at])));
      } catch (const Error& error) {
        if (std::string(name) != "step.json")
          CHECK(std::string(error.what()).find(name) != std::string::npos);
      }
    }
    WriteFileAtomically(file, whole);
  }
  CHECK(Load(checkpoints, 20).masters == ShardOf({0, kParameters}, 20).masters);
}

TEST_CASE("What is truncated, missing, foreign, of another model or not published is refused") {
  TempFolder folder;
  const StepCheckpoints checkpoints(folder.path(), "order");
  Save(checkpoints, 20);
  const std::string text = checkpoints.ReadManifest(20);
  CHECK_THROWS_AS(StepCheckpoints(folder.path(), "another").ParseManifest(text, kParameters),
                  Error);
  CHECK_THROWS_AS(checkpoints.ParseManifest(text, kParameters + 1), Error);
  CHECK_THROWS_AS(checkpoints.ParseManifest(text.substr(0, text.size() / 2), kParameters), Error);
  CHECK_THROWS_AS(checkpoints.ParseManifest("{}", kParameters), Error);

  const fs::path shard = folder.path() / "step-00000020" / "shard-00002-of-00003.safetensors";
  for (std::size_t length : {0u, 5u, 9u, 100u}) {
    WriteFileAtomically(shard, ReadFile(shard).substr(0, length));
    CHECK_THROWS_AS(Load(checkpoints, 20), Error);
  }
  fs::remove(shard);
  CHECK_THROWS_AS(Load(checkpoints, 20), Error);
  CHECK(Load(checkpoints, 20, {0, 10}).masters.size() == 10);

  checkpoints.WriteShard(30, 0, 1, ShardOf({0, kParameters}, 1));
  MakeFolder(folder.path() / "step-99999999999999999999");
  CHECK(checkpoints.Steps() == std::vector<int>{20});
  checkpoints.RemoveUnfinished();
  CHECK_FALSE(fs::exists(folder.path() / "tmp-step-00000030"));
}

TEST_CASE("A gap between shards is refused") {
  TempFolder folder;
  const StepCheckpoints checkpoints(folder.path(), "order");
  for (const auto& shards : std::vector<std::vector<ParameterRange>>{
           {{0, 10}, {11, 23}}, {{0, 22}}, {{0, 10}, {9, 23}}}) {
    Save(checkpoints, 3, shards);
    CHECK_THROWS_AS(checkpoints.ParseManifest(checkpoints.ReadManifest(3), kParameters), Error);
  }
}

TEST_CASE("Without a folder there are no checkpoints") {
  const StepCheckpoints none({}, "order");
  CHECK_FALSE(none.enabled());
  CHECK(none.Steps().empty());
  none.RemoveUnfinished();
  none.Clear();
}

}  // namespace
}  // namespace gradus
