#include "trainer/step_checkpoint.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "tests/fakes/temp_folder.h"

namespace gradus {
namespace {

TrainerState StateAt(int step) {
  TrainerState state;
  state.step = step;
  state.values = {1.5f, -2.0f, float(step)};
  state.moments = {{0.1f, 0.2f, 0.3f}, {0.4f, 0.5f, 0.6f}};
  state.report.tokens = 12345678901;
  state.report.skipped_steps = 2;
  state.report.first_loss = 1.0 / 3;
  state.report.last_loss = std::numeric_limits<double>::quiet_NaN();
  return state;
}

void FlipBit(const fs::path& path, std::size_t at) {
  std::string bytes = ReadFile(path);
  bytes[at] = char(bytes[at] ^ 1);
  WriteFileAtomically(path, bytes);
}

TEST_CASE("A step checkpoint comes back as it was, losses that are not numbers too") {
  TempFolder folder;
  StepCheckpoints(folder.path() / "steps", "order").Save(StateAt(40));
  const auto found = StepCheckpoints(folder.path() / "steps", "order").LoadNewest();
  REQUIRE(found);
  CHECK(found->step == 40);
  CHECK(found->values == StateAt(40).values);
  CHECK(found->moments.first == StateAt(40).moments.first);
  CHECK(found->moments.second == StateAt(40).moments.second);
  CHECK(found->report.tokens == 12345678901);
  CHECK(found->report.skipped_steps == 2);
  CHECK(found->report.first_loss == 1.0 / 3);
  CHECK(std::isnan(found->report.last_loss));
}

TEST_CASE("The newest two stay, and a step may be written again") {
  TempFolder folder;
  const StepCheckpoints checkpoints(folder.path(), "order");
  for (int step : {10, 20, 30, 30}) checkpoints.Save(StateAt(step));
  CHECK_FALSE(fs::exists(folder.path() / "step-00000010"));
  CHECK(checkpoints.Load(20).step == 20);
  CHECK(checkpoints.LoadNewest()->step == 30);
  checkpoints.Clear();
  CHECK_FALSE(checkpoints.LoadNewest());
}

TEST_CASE("A flipped bit anywhere makes the older checkpoint the newest") {
  for (const char* name : {"state.safetensors", "step.json"}) {
    TempFolder folder;
    const StepCheckpoints checkpoints(folder.path(), "order");
    const fs::path file = folder.path() / "step-00000020" / name;
    checkpoints.Save(StateAt(10));
    checkpoints.Save(StateAt(20));
    const std::size_t bytes = fs::file_size(file);
    for (std::size_t at = 0; at < bytes; ++at) {
      const std::string whole = ReadFile(file);
      FlipBit(file, at);
      const auto found = checkpoints.LoadNewest();
      REQUIRE(found);
      // A flipped bit in white space between JSON values changes nothing.
      const bool harmless = std::string(name) == "step.json" && found->step == 20;
      if (harmless) CHECK(found->report.tokens == StateAt(20).report.tokens);
      CHECK((found->step == 10 || harmless));
      WriteFileAtomically(file, whole);
    }
    CHECK(checkpoints.LoadNewest()->step == 20);
  }
}

TEST_CASE("A truncated, missing or foreign checkpoint is passed over") {
  TempFolder folder;
  const StepCheckpoints checkpoints(folder.path(), "order");
  checkpoints.Save(StateAt(10));
  checkpoints.Save(StateAt(20));
  const fs::path state = folder.path() / "step-00000020" / "state.safetensors";
  for (std::size_t length : {0u, 5u, 9u, 100u}) {
    WriteFileAtomically(state, ReadFile(state).substr(0, length));
    CHECK(checkpoints.LoadNewest()->step == 10);
  }
  fs::remove(state);
  CHECK(checkpoints.LoadNewest()->step == 10);
  MakeFolder(folder.path() / "step-99999999999999999999");
  MakeFolder(folder.path() / "tmp-step-00000030");
  CHECK(checkpoints.LoadNewest()->step == 10);
  CHECK_FALSE(StepCheckpoints(folder.path(), "another order").LoadNewest());
}

TEST_CASE("Without a folder nothing is saved and nothing found") {
  const StepCheckpoints none({}, "order");
  none.Save(StateAt(1));
  CHECK_FALSE(none.LoadNewest());
  none.Clear();
}

}  // namespace
}  // namespace gradus
