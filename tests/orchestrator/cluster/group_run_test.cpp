#include <doctest/doctest.h>

#include <set>

#include "orchestrator/cluster/coordinator.h"
#include "schemas/base/error.h"
#include "tests/fakes/local_cluster.h"

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
  Coordinator coordinator(cluster.At(0), PatientOptions(), 1, "");
  int reports = 0;
  const TrainCallbacksOnCoordinator callbacks{
      .progress = [&](const std::string&) { ++reports; }, .lost = {}, .stop = {}};
  CHECK(coordinator.Train("sum ", callbacks) == "sum 6");
  CHECK(coordinator.Train("again ", callbacks) == "again 6");
  CHECK(reports == 2);
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
  Coordinator coordinator(cluster.At(0), QuickOptions(), 1, "");
  std::set<int> lost;
  const TrainCallbacksOnCoordinator callbacks{
      .progress = {},
      .lost = [&](int rank, const std::string&, std::size_t) { lost.insert(rank); },
      .stop = {}};
  CHECK(coordinator.Train("", callbacks) == "4");
  CHECK(lost == std::set<int>{2});
  CHECK(coordinator.Train("", callbacks) == "4");
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
  Coordinator coordinator(cluster.At(0), QuickOptions(), 1, "");
  CHECK(coordinator.Train("", {}) == "5");
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
  Coordinator coordinator(cluster.At(0), PatientOptions(), 1, "");
  std::string what;
  CHECK(CodeOf([&] { coordinator.Train("", {}); }, &what) == ExitCode::kTrainersLost);
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
  Coordinator coordinator(cluster.At(0), PatientOptions(), 1, "");
  std::string what;
  CHECK(CodeOf([&] { coordinator.Train("", {}); }, &what) == ExitCode::kBadInput);
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
  Coordinator coordinator(cluster.At(0), PatientOptions(), 1, "");
  std::atomic<bool> training = false;
  const TrainCallbacksOnCoordinator callbacks{
      .progress = [&](const std::string&) { training = true; },
      .lost = {},
      .stop = [&] { return training.load(); }};
  CHECK(CodeOf([&] { coordinator.Train("", callbacks); }) == ExitCode::kStopped);
  CHECK(saved == 2);
}

}  // namespace
}  // namespace gradus
