#include "orchestrator/rounds/part.h"

#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <mutex>
#include <set>

#include "schemas/base/file.h"
#include "schemas/files/shard.h"
#include "tests/fakes/listed_work.h"
#include "tests/fakes/scripted_campaign.h"
#include "tests/fakes/temp_folder.h"

namespace gradus {
namespace {

using Script = ScriptedRole::Script;

const PartId kPart{1, "rollout"};

// Notes which problem each key was searched with.
struct Searched {
  std::mutex mutex;
  std::map<Key, std::string> problems;

  Script ScriptOf(int) {
    return {.start = [this](const Key& key, const std::string& payload, auto done, auto) {
      {
        const std::lock_guard lock(mutex);
        problems[key] = ParseProblem(payload).id;
      }
      done(TreeBytes(key));
    }};
  }
};

// The keys in the part's shards, one list each.
std::vector<std::vector<Key>> Sealed(const RunFiles& files, const PartId& part) {
  std::vector<std::vector<Key>> shards;
  for (int i = 0;; ++i) {
    const fs::path file = files.Shards(part.round) / fmt::format("{}-{:06}.h5", part.name, i);
    if (!fs::exists(file)) return shards;
    shards.emplace_back();
    for (const Tree& tree : ReadShard(file)) shards.back().push_back(tree.key);
  }
}

TEST_CASE("a keyed part is searched once, and each key's tree stands in its shard") {
  const TempFolder folder;
  Searched searched;
  ScriptedCampaign play(folder.path(), [&](int rank) { return searched.ScriptOf(rank); });
  Campaign& c = play.campaign();
  const std::vector<Problem> problems = NumberedProblems(10);
  RunPart(c, kPart, {"policy", ""}, problems, Keys(10));
  CHECK(c.recorder.IsDone(kPart));
  CHECK(searched.problems.size() == 10);
  for (const auto& [key, id] : searched.problems) CHECK(id == problems[key.problem].id);
  const auto shards = Sealed(c.files, kPart);
  REQUIRE(shards.size() == 3);
  CHECK(shards[0].size() == 4);
  CHECK(shards[2].size() == 2);
  std::vector<Key> all;
  for (const auto& shard : shards) all.insert(all.end(), shard.begin(), shard.end());
  CHECK(all == Keys(10));
  RunPart(c, kPart, {"policy", ""}, {}, Keys(10));  // Any lease would ask for its problem.
}

TEST_CASE("the models of a keyed part reach the workers") {
  const TempFolder folder;
  std::mutex mutex;
  std::vector<std::string> orders;
  ScriptedCampaign play(folder.path(), [&](int) {
    return Searching({.begin = [&](const std::string& order) {
      const std::lock_guard lock(mutex);
      orders.push_back(order);
    }});
  });
  RunPart(play.campaign(), kPart, {"models/policy", "models/ppm"}, NumberedProblems(8), Keys(8));
  REQUIRE_FALSE(orders.empty());
  CHECK(ParseSearchOrder(orders[0]).policy == "models/policy");
  CHECK(ParseSearchOrder(orders[0]).ppm == "models/ppm");
}

TEST_CASE("a part without keys is done at once") {
  const TempFolder folder;
  ScriptedCampaign play(folder.path(), [](int) { return Searching(); });
  RunPart(play.campaign(), {1, "hard1"}, {"policy", ""}, {}, {});
  CHECK(play.campaign().recorder.IsDone({1, "hard1"}));
}

TEST_CASE("after a stop the next start searches only what had no result") {
  const TempFolder folder;
  const std::vector<Problem> problems = NumberedProblems(30);
  std::set<Key> first;
  {
    ScriptedCampaign play(folder.path(), [](int) {
      return Script{.start = [](const Key& key, const std::string&, auto done, auto) {
        if (key.problem < 7) done(TreeBytes(key));
      }};
    });
    Campaign& c = play.campaign();
    c.stop = [&] { return Sealed(c.files, kPart).size() == 1; };
    CHECK(CodeOf([&] {
            RunPart(c, kPart, {"policy", ""}, problems, Keys(30));
          }) == ExitCode::kStopped);
    CHECK_FALSE(c.recorder.IsDone(kPart));
    const auto shards = Sealed(c.files, kPart);
    first.insert(shards.at(0).begin(), shards.at(0).end());
  }
  CHECK(first.size() == 4);
  Searched searched;
  ScriptedCampaign play(folder.path(), [&](int rank) { return searched.ScriptOf(rank); });
  RunPart(play.campaign(), kPart, {"policy", ""}, problems, Keys(30));
  CHECK(play.campaign().recorder.IsDone(kPart));
  for (const auto& [key, id] : searched.problems) CHECK_FALSE(first.contains(key));
  CHECK(searched.problems.size() <= 26);
  CHECK(searched.problems.size() >= 23);
  CHECK(Sealed(play.campaign().files, kPart).size() == 8);
}

TEST_CASE("a key that is given up is recorded and shown, and the part is done without it") {
  const TempFolder folder;
  ScriptedCampaign play(folder.path(), [](int) {
    return Script{.start = [](const Key& key, const std::string&, auto done, auto failed) {
      if (key.problem == 5) return failed("unlucky");
      done(TreeBytes(key));
    }};
  });
  Campaign& c = play.campaign();
  RunPart(c, kPart, {"policy", ""}, NumberedProblems(6), Keys(6));
  CHECK(c.recorder.IsDone(kPart));
  CHECK(c.recorder.Abandoned(1) == 1);
  CHECK(Sealed(c.files, kPart).at(1) == std::vector<Key>{{1, Phase::kRollout, 4, 0}});
  CHECK(Contains(ReadFile(c.files.Progress()), "gave up r1/rollout/p5/a0: unlucky"));
}

TEST_CASE("a worker that is lost is recorded and shown, and the part is done by the other") {
  const TempFolder folder;
  // Nothing is answered before the loss is recorded.
  std::mutex mutex;
  std::vector<std::function<void()>> held;
  bool recorded = false;
  ScriptedCampaign play(folder.path(), [&](int rank) {
    if (rank == 1) return Script{.begin = [](const std::string&) { Fail("no model"); }};
    return Script{.start = [&](const Key& key, const std::string&, auto done, auto) {
      const std::lock_guard lock(mutex);
      if (recorded) return done(TreeBytes(key));
      held.emplace_back([key, done] { done(TreeBytes(key)); });
    }};
  });
  Campaign& c = play.campaign();
  c.stop = [&] {
    const std::lock_guard lock(mutex);
    recorded = c.recorder.workers_lost() > 0;
    if (!recorded) return false;
    for (const auto& answer : std::exchange(held, {})) answer();
    return false;
  };
  RunPart(c, kPart, {"policy", ""}, NumberedProblems(6), Keys(6));
  CHECK(c.recorder.IsDone(kPart));
  CHECK(c.recorder.workers_lost() == 1);
  CHECK(Contains(ReadFile(c.files.Progress()), "lost worker 1: no model"));
}

TEST_CASE("what rank 0 does itself is done once, also over several starts") {
  const TempFolder folder;
  const PartId part{1, "select"};
  int calls = 0;
  const auto body = [&] {
    if (++calls == 1) Fail("disk full");
    return std::string("3 rows");
  };
  {
    ScriptedCampaign play(folder.path(), [](int) { return Searching(); });
    CHECK(CodeOf([&] { RunOnce(play.campaign(), part, body); }) == ExitCode::kBadInput);
    CHECK_FALSE(play.campaign().recorder.IsDone(part));
    RunOnce(play.campaign(), part, body);
    RunOnce(play.campaign(), part, body);
    CHECK(calls == 2);
  }
  ScriptedCampaign play(folder.path(), [](int) { return Searching(); });
  RunOnce(play.campaign(), part, body);
  CHECK(calls == 2);
}

std::string Step(int step, std::uint64_t skipped) {
  TrainProgress progress;
  progress.step = step;
  progress.steps = 3;
  progress.skipped_steps = skipped;
  return ToText(progress);
}

TEST_CASE("a training part keeps its report and its steps, and drops the step checkpoints") {
  const TempFolder folder;
  const PartId part{2, "train_policy"};
  std::mutex mutex;
  int trainings = 0;
  TrainReport trained;
  trained.steps = 3;
  trained.last_loss = 0.125;
  trained.pair_accuracy = kNotMeasured;
  TrainRequest request;
  request.order.output = "models/policy";
  request.order.checkpoints = folder / "checkpoints";
  const auto play_once = [&] {
    ScriptedCampaign play(folder.path(), [&](int) {
      return Script{
          .train = [&](const std::string& order, PeerLink&, const auto& progress, const auto&) {
            CHECK(ParseTrainRequest(order).order.output == "models/policy");
            for (int step : {1, 2, 3}) progress(Step(step, 2));
            const std::lock_guard lock(mutex);
            ++trainings;
            return ToText(trained);
          }};
    });
    Campaign& c = play.campaign();
    MakeFolder(c.files.Round(2));
    const TrainReport report = RunTrainingPart(c, part, request);
    CHECK(report.steps == 3);
    CHECK(report.last_loss == 0.125);
    CHECK(std::isnan(report.pair_accuracy));
    CHECK(c.recorder.IsDone(part));
    return c.files;
  };
  MakeFolder(folder / "checkpoints");
  const RunFiles files = play_once();
  CHECK(trainings == 2);  // One order, both workers.
  CHECK_FALSE(fs::exists(folder / "checkpoints"));
  CHECK(ReadFile(files.Round(2) / "train_policy.json") == ToText(trained) + "\n");
  const std::string steps = ReadFile(files.TrainLog(2, "train_policy") / "steps.jsonl");
  CHECK(std::count(steps.begin(), steps.end(), '\n') == 3);
  CHECK(Contains(ReadFile(files.Progress()), "train_policy: 2 steps skipped so far"));
  play_once();
  CHECK(trainings == 2);
}

TEST_CASE("a report that somebody has damaged is an error, not a guess") {
  const TempFolder folder;
  ScriptedCampaign play(folder.path(), [](int) { return Searching(); });
  Campaign& c = play.campaign();
  RunOnce(c, {1, "train_ppm"}, [] { return std::string(); });
  MakeFolder(c.files.Round(1));
  for (const char* text : {"", "{", "[]", "{}", R"({"steps": "three"})"}) {
    WriteFileAtomically(c.files.Round(1) / "train_ppm.json", text);
    CHECK(CodeOf([&] { RunTrainingPart(c, {1, "train_ppm"}, {}); }) == ExitCode::kBadInput);
  }
}

}  // namespace
}  // namespace gradus
