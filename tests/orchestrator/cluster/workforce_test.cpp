#include "orchestrator/cluster/workforce.h"

#include <doctest/doctest.h>

#include <mutex>

#include "schemas/base/error.h"
#include "tests/fakes/listed_work.h"
#include "tests/fakes/local_cluster.h"
#include "tests/fakes/played_worker.h"

namespace gradus {
namespace {

ScriptedRole::Script Obedient(int) { return {}; }

TEST_CASE("too few ranks are refused with the number that is needed") {
  auto world = MakeLocalWorld(3);
  ClusterOptions options = QuickOptions();
  options.placement = Placement::kSplit;
  options.train_ranks = 4;
  std::string what;
  const auto make = [&] { Workforce(*world[0], options, 1, ""); };
  CHECK(CodeOf(make, &what) == ExitCode::kBadInput);
  CHECK(Contains(what, "needs at least 6 ranks, got 3"));
  options.train_ranks = 0;
  CHECK(CodeOf(make) == ExitCode::kBadInput);
  options.placement = Placement::kColocated;
  options.min_workers = 3;
  CHECK(CodeOf(make, &what) == ExitCode::kBadInput);
  CHECK(Contains(what, "min_workers is 3"));
}

TEST_CASE("workers that never say hello are counted in the error, or done without") {
  auto world = MakeLocalWorld(3);
  ClusterOptions options = QuickOptions();
  options.start_s = 0.1;
  std::string what;
  CHECK(CodeOf([&] { Workforce(*world[0], options, 1, ""); }, &what) == ExitCode::kBadInput);
  CHECK(Contains(what, "only 0 of 2 workers"));
}

TEST_CASE("a coordinator that is busy between lease runs loses nobody") {
  ClusterOptions options = QuickOptions();
  options.dead_s = 0.5;
  options.silence_s = 0.5;
  LocalCluster cluster(2, Obedient);
  Workforce workforce(cluster.At(0), options, 1, "");
  ListedWork first, second;
  RunLeases(workforce, "", Keys(5), first);
  CHECK_FALSE(cluster.At(0).Receive(ChannelOf(99, 0), 1.2, -1));
  RunLeases(workforce, "", Keys(5), second);
  CHECK(second.accepted.size() == 5);
  CHECK(second.lost.empty());
}

TEST_CASE("a worker that says hello twice is welcomed once and counts once") {
  auto world = MakeLocalWorld(3);
  std::atomic<int> welcomed = 0;
  PlayedWorker twice(*world[1], [&](PlayedWorker& self, const Envelope& envelope) {
    if (envelope.type != MessageType::kSetup) return;
    if (++welcomed == 1) self.Say(Hello{"again"}, 0);
  });
  ClusterOptions options = PatientOptions();
  options.start_s = 0.5;
  options.min_workers = 2;
  std::string what;
  CHECK(CodeOf([&] { Workforce(*world[0], options, 1, ""); }, &what) == ExitCode::kBadInput);
  CHECK(Contains(what, "only 1 of 2 workers"));
  twice.Join();
  CHECK(welcomed == 1);
}

TEST_CASE("who says no hello is lost from the start, and not heard later") {
  auto world = MakeLocalWorld(3);
  PlayedWorker worker(*world[1], [](PlayedWorker&, const Envelope&) {});
  ClusterOptions options = PatientOptions();
  options.start_s = 0.2;
  Workforce workforce(*world[0], options, 1, "");
  CHECK(workforce.roster().Living() == std::vector<int>{1});
  const auto departures = workforce.TakeDepartures();
  REQUIRE(departures.size() == 1);
  CHECK(departures[0].rank == 2);
  CHECK(Contains(departures[0].reason, "no hello"));
  CHECK(workforce.TakeDepartures().empty());
  world[2]->Send(0, kControlChannel, Encode(1, ReadyForLeases{1}));
  CHECK_FALSE(workforce.Next(0.05));
}

TEST_CASE("messages about life are kept from the runs, those of earlier starts from everybody") {
  auto world = MakeLocalWorld(2);
  PlayedWorker worker(*world[1], [](PlayedWorker& self, const Envelope& envelope) {
    if (envelope.type != MessageType::kSetup) return;
    self.Say(Heartbeat{3, R"({"tokens":5})"}, 7);
    self.Say(ReadyForLeases{1}, 6);
    self.Say(Hello{"again"}, 0);
    self.Say(ReadyForLeases{2}, 7);
    self.Say(Gone{"disk full"}, 7);
  });
  Workforce workforce(*world[0], PatientOptions(), 7, "");
  const auto message = workforce.Next(10);
  REQUIRE(message);
  CHECK(Decode<ReadyForLeases>(Open(message->bytes)).lease_run == 2);
  CHECK(workforce.roster().At(1).counters == R"({"tokens":5})");
  CHECK_FALSE(workforce.Next(0.2));
  const auto departures = workforce.TakeDepartures();
  REQUIRE(departures.size() == 1);
  CHECK(departures[0].reason == "disk full");
  std::string what;
  CHECK(CodeOf([&] { workforce.RequireEnough(); }, &what) == ExitCode::kTrainersLost);
  CHECK(Contains(what, "rank 1 (here): disk full"));
}

TEST_CASE("the workers hear the setup, that the coordinator lives, and whom they have lost") {
  auto world = MakeLocalWorld(3);
  std::mutex mutex;
  Setup setup;
  std::vector<int> lost;
  std::atomic<int> alive = 0;
  PlayedWorker worker(*world[1], [&](PlayedWorker&, const Envelope& envelope) {
    const std::lock_guard lock(mutex);
    if (envelope.type == MessageType::kSetup) setup = Decode<Setup>(envelope);
    if (envelope.type == MessageType::kAlive && ++alive == 3) alive.notify_all();
    if (envelope.type == MessageType::kLeave) lost = Decode<Leave>(envelope).lost;
  });
  PlayedWorker other(*world[2], [](PlayedWorker&, const Envelope&) {});
  ClusterOptions options = PatientOptions();
  {
    Workforce workforce(*world[0], options, 1, "a: 1\n");
    for (int seen = 0; seen < 3; seen = alive) alive.wait(seen);
    workforce.Lose(2, "for the test");
  }
  worker.Join();
  CHECK(setup.text == "a: 1\n");
  CHECK(setup.heartbeat_s == options.heartbeat_s);
  CHECK(setup.silence_s == options.silence_s);
  CHECK(lost == std::vector<int>{2});
}

TEST_CASE("the placement says who searches and who trains") {
  LocalCluster cluster(4, Obedient);
  ClusterOptions options = PatientOptions();
  SUBCASE("colocated: all do both") {
    Workforce workforce(cluster.At(0), options, 1, "");
    CHECK(workforce.Searchers() == std::vector<int>{1, 2, 3, 4});
    CHECK(workforce.Trainers() == std::vector<int>{1, 2, 3, 4});
  }
  SUBCASE("colocated with a limit: the first living train") {
    options.train_ranks = 2;
    Workforce workforce(cluster.At(0), options, 1, "");
    CHECK(workforce.Trainers() == std::vector<int>{1, 2});
  }
  SUBCASE("split: the last only train") {
    options.placement = Placement::kSplit;
    options.train_ranks = 1;
    Workforce workforce(cluster.At(0), options, 1, "");
    CHECK(workforce.Searchers() == std::vector<int>{1, 2, 3});
    CHECK(workforce.Trainers() == std::vector<int>{4});
  }
}

}  // namespace
}  // namespace gradus
