#include "orchestrator/cluster/group_run.h"

#include <doctest/doctest.h>

#include <atomic>

#include "schemas/base/error.h"
#include "tests/fakes/listed_work.h"
#include "tests/fakes/local_cluster.h"
#include "tests/fakes/played_worker.h"

namespace gradus {
namespace {

using Script = ScriptedRole::Script;

// Everybody sends a number to the first member, who reports the sum.
std::string SumOfRanks(PeerLink& link, int value) {
  if (link.rank() != 0) {
    link.Send(0, 1, std::to_string(value));
    return "";
  }
  int sum = value;
  for (int from = 1; from < link.size(); ++from) sum += std::stoi(link.Receive(from, 1, 10));
  return std::to_string(sum);
}

TEST_CASE("a training group computes over its links and its first member reports") {
  LocalCluster cluster(3, [](int rank) {
    return Script{.train = [rank](const std::string& order, PeerLink& link, const auto& progress,
                                  const auto&) {
      progress(R"({"step": 1})");
      return order + SumOfRanks(link, rank);
    }};
  });
  Workforce workforce(cluster.At(0), PatientOptions(), 1, "");
  ListedWatch watch;
  CHECK(RunGroup(workforce, "sum ", watch) == "sum 6");
  CHECK(RunGroup(workforce, "again ", watch) == "again 6");
  CHECK(watch.steps == std::vector<std::string>(2, R"({"step": 1})"));
}

TEST_CASE("a member that dies while training is replaced by a smaller group") {
  LocalCluster* world = nullptr;
  LocalCluster cluster(3, [&](int rank) {
    return Script{.train = [&, rank](const std::string&, PeerLink& link, const auto&, const auto&) {
      if (rank == 2) world->At(2).Cut();
      return SumOfRanks(link, rank);
    }};
  });
  world = &cluster;
  Workforce workforce(cluster.At(0), QuickOptions(), 1, "");
  ListedWatch watch;
  CHECK(RunGroup(workforce, "", watch) == "4");
  CHECK(watch.lost.size() == 1);
  CHECK(Contains(watch.lost[2], "silent"));
  CHECK(RunGroup(workforce, "", watch) == "4");
}

TEST_CASE("a group whose first member dies is formed again") {
  LocalCluster* world = nullptr;
  LocalCluster cluster(3, [&](int rank) {
    return Script{.train = [&, rank](const std::string&, PeerLink& link, const auto&, const auto&) {
      if (rank == 1) world->At(1).Cut();
      return SumOfRanks(link, rank);
    }};
  });
  world = &cluster;
  Workforce workforce(cluster.At(0), QuickOptions(), 1, "");
  ListedWatch watch;
  CHECK(RunGroup(workforce, "", watch) == "5");
}

TEST_CASE("training that fails without getting further is given up after three attempts") {
  std::atomic<int> attempts = 0;
  LocalCluster cluster(2, [&](int rank) {
    return Script{.train = [&, rank](const std::string&, PeerLink& link, const auto& progress,
                                     const auto&) -> std::string {
      progress(R"({"step": 4})");
      // Fails only when the first member's step is on its way to the coordinator.
      if (rank == 1) {
        link.Send(1, 1, "");
        return link.Receive(1, 1, 10);
      }
      link.Receive(0, 1, 10);
      ++attempts;
      throw std::runtime_error("out of memory");
    }};
  });
  Workforce workforce(cluster.At(0), PatientOptions(), 1, "");
  ListedWatch watch;
  std::string what;
  CHECK(CodeOf([&] { RunGroup(workforce, "", watch); }, &what) == ExitCode::kTrainersLost);
  CHECK(Contains(what, "rank 2: out of memory"));
  CHECK(attempts == 3);
}

TEST_CASE("training on bad input is not tried again") {
  std::atomic<int> attempts = 0;
  LocalCluster cluster(1, [&](int) {
    return Script{
        .train = [&](const std::string&, PeerLink&, const auto&, const auto&) -> std::string {
          ++attempts;
          Fail("no such file: sft.h5");
        }};
  });
  Workforce workforce(cluster.At(0), PatientOptions(), 1, "");
  ListedWatch watch;
  std::string what;
  CHECK(CodeOf([&] { RunGroup(workforce, "", watch); }, &what) == ExitCode::kBadInput);
  CHECK(Contains(what, "no such file"));
  CHECK(attempts == 1);
}

TEST_CASE("a stop request reaches the trainers, who save and stop") {
  std::atomic<int> saved = 0;
  LocalCluster cluster(2, [&](int) {
    return Script{.train = [&](const std::string&, PeerLink& link, const auto& progress,
                               const auto& stop) -> std::string {
      while (!stop()) {
        progress("{}");
        const int other = 1 - link.rank();
        link.Send(other, 1, "");
        try {
          link.Receive(other, 1, 0.05);
        } catch (const Error&) {  // The other one has stopped already.
        }
      }
      ++saved;
      throw Error("saved", ExitCode::kStopped);
    }};
  });
  Workforce workforce(cluster.At(0), PatientOptions(), 1, "");
  ListedWatch watch;
  watch.stop = [&] { return !watch.steps.empty(); };
  CHECK(CodeOf([&] { RunGroup(workforce, "", watch); }) == ExitCode::kStopped);
  CHECK(saved == 2);
}

TEST_CASE("what members of another group say changes nothing") {
  auto world = MakeLocalWorld(2);
  PlayedWorker worker(*world[1], [](PlayedWorker& self, const Envelope& envelope) {
    if (envelope.type != MessageType::kTrainStart) return;
    const std::uint32_t group = Decode<TrainStart>(envelope).group;
    self.Say(TrainDone{group + 1, "of another group"});
    self.Say(TrainFailed{group + 1, static_cast<int>(ExitCode::kBadInput), "of another group"});
    self.Say(TrainProgressReport{group + 1, "{}"});
    self.Say(TrainProgressReport{group, "not JSON"});
    self.Say(Result{1, group, Key{}, "no lease is out"});
    self.Say(TrainDone{group, "right"});
  });
  Workforce workforce(*world[0], PatientOptions(), 1, "");
  ListedWatch watch;
  CHECK(RunGroup(workforce, "", watch) == "right");
  CHECK(watch.steps == std::vector<std::string>{"not JSON"});
}

TEST_CASE("each attempt talks on a conversation of its own") {
  auto world = MakeLocalWorld(2);
  std::vector<std::uint32_t> groups;
  PlayedWorker worker(*world[1], [&](PlayedWorker& self, const Envelope& envelope) {
    if (envelope.type != MessageType::kTrainStart) return;
    groups.push_back(Decode<TrainStart>(envelope).group);
    if (groups.size() == 1) return self.Say(TrainFailed{groups[0], 1, "once"});
    self.Say(TrainDone{groups.back(), "right"});
  });
  Workforce workforce(*world[0], PatientOptions(), 1, "");
  ListedWatch watch;
  CHECK(RunGroup(workforce, "", watch) == "right");
  workforce.Dismiss();
  worker.Join();
  REQUIRE(groups.size() == 2);
  CHECK(groups[0] > 0);
  CHECK(groups[1] > groups[0]);
}

}  // namespace
}  // namespace gradus
