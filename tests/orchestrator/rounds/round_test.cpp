#include "orchestrator/rounds/round.h"

#include <doctest/doctest.h>

#include <atomic>
#include <map>

#include "orchestrator/rounds/publish.h"
#include "schemas/base/file.h"
#include "tests/fakes/hand_made_run.h"
#include "tests/fakes/scripted_campaign.h"
#include "tests/fakes/temp_folder.h"

namespace gradus {
namespace {

// File → hash, of everything below the rounds up to `last`.
std::map<std::string, std::string> Published(const RunFiles& files, RoundIndex last) {
  std::map<std::string, std::string> hashes;
  for (RoundIndex round = 0; round <= last; ++round) {
    for (const auto& entry : fs::recursive_directory_iterator(files.Round(round))) {
      if (entry.is_regular_file()) hashes[entry.path().string()] = Sha256File(entry.path());
    }
  }
  return hashes;
}

// Counts the leases that go out, and gives no answer.
struct Silent {
  std::atomic<int> leases = 0;
  ScriptedRole::Script operator()(int) {
    return {.start = [this](const Key&, const std::string&, auto, auto) { ++leases; }};
  }
};

TEST_CASE("the last published round is the one before the first without a manifest") {
  const TempFolder folder;
  const RunFiles files{folder.path()};
  CHECK(LastPublished(files) == -1);
  for (RoundIndex round : {0, 1, 3}) {
    MakeFolder(files.Round(round));
    WriteFileAtomically(files.Manifest(round), "{}");
  }
  CHECK(LastPublished(files) == 1);
}

TEST_CASE("a campaign whose rounds are all published does nothing but refresh the summaries") {
  const TempFolder folder;
  const HandMadeRun run(folder / "run", 2);
  const auto before = Published(run.files(), 2);
  Silent silent;
  ScriptedCampaign play(folder / "run", std::ref(silent));
  Campaign& c = play.campaign();
  c.problems = run.problems();
  c.config.run.rounds = 2;
  RunCampaign(c);
  CHECK(silent.leases == 0);
  CHECK(Published(run.files(), 2) == before);
  CHECK(ReadFile(c.files.Current()) == "2\n");
  const std::string metrics = ReadFile(c.files.Metrics());
  CHECK(std::count(metrics.begin(), metrics.end(), '\n') == 3);
}

TEST_CASE("a campaign goes on in the first round that is not published") {
  const TempFolder folder;
  const HandMadeRun run(folder / "run", 2);
  const auto before = Published(run.files(), 2);
  Silent silent;
  ScriptedCampaign play(folder / "run", std::ref(silent));
  Campaign& c = play.campaign();
  c.problems = run.problems();
  c.config.run.rounds = 5;
  c.stop = [&] { return silent.leases > 0; };
  CHECK(CodeOf([&] { RunCampaign(c); }) == ExitCode::kStopped);
  CHECK(fs::exists(c.files.Plan(3)));
  CHECK_FALSE(fs::exists(c.files.Round(4)));
  CHECK_FALSE(c.recorder.IsDone({3, "rollout"}));
  CHECK(Published(run.files(), 2) == before);
  CHECK(LastPublished(c.files) == 2);
}

}  // namespace
}  // namespace gradus
