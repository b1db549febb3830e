#include "orchestrator/cluster/lease_run.h"

#include <doctest/doctest.h>

#include <map>
#include <mutex>
#include <set>

#include "orchestrator/cluster/protocol.h"
#include "schemas/base/error.h"
#include "tests/fakes/listed_work.h"
#include "tests/fakes/local_cluster.h"
#include "tests/fakes/played_worker.h"

namespace gradus {
namespace {

using Script = ScriptedRole::Script;

Script Obedient(int) { return {}; }

TEST_CASE("a lease run accepts each key exactly once with any number of workers") {
  for (const int workers : {1, 2, 4}) {
    CAPTURE(workers);
    LocalCluster cluster(workers, Obedient);
    Workforce workforce(cluster.At(0), PatientOptions(), 1, "setup");
    CHECK(workforce.roster().Living().size() == workers);
    ListedWork record;
    RunLeases(workforce, "order", Keys(100), record);
    CHECK(record.accepted.size() == 100);
    for (const auto& [key, bytes] : record.accepted) {
      CHECK(bytes == fmt::format("{} p{}", ToString(key), key.problem));
    }
    CHECK(record.committed == 100);
    CHECK(record.progress.done == 100);
    CHECK(record.progress.counters.size() == workers);
    workforce.Dismiss();
    cluster.Join();
    for (int rank = 1; rank <= workers; ++rank) CHECK(cluster.ExitOf(rank) == ExitCode::kDone);
  }
}

TEST_CASE("the workers get the setup and the order of each lease run") {
  std::mutex mutex;
  std::multiset<std::string> heard;
  const auto listen = [&](const std::string& text) {
    const std::lock_guard lock(mutex);
    heard.insert(text);
  };
  LocalCluster cluster(2, [&](int) { return Script{.setup = listen, .begin = listen}; });
  Workforce workforce(cluster.At(0), PatientOptions(), 1, "the setup");
  ListedWork first, second;
  RunLeases(workforce, "order one", Keys(20), first);
  RunLeases(workforce, "order two", Keys(20), second);
  CHECK(second.accepted.size() == 20);
  RunLeases(workforce, "never told", {}, first);
  workforce.Dismiss();
  cluster.Join();
  CHECK(heard == std::multiset<std::string>{"the setup", "the setup", "order one", "order one",
                                            "order two", "order two"});
}

// Rank 2 is cut off at its first lease, and only then the others begin. They keep the last key to
// themselves until it is released.
struct CutAtFirstLease {
  LocalCluster* world = nullptr;
  std::atomic<bool> cut = false;
  std::mutex mutex;
  std::vector<ScriptedRole::Done> held;
  bool released = false;

  Script ScriptOf(int rank) {
    return Script{.begin =
                      [this, rank](const std::string&) {
                        if (rank != 2) cut.wait(false);
                      },
                  .start =
                      [this, rank](const Key& key, const std::string&, auto done, auto) {
                        if (rank == 2) return Cut();
                        const std::lock_guard lock(mutex);
                        if (key.problem == 59 && !released) return held.push_back(done);
                        done("");
                      }};
  }
  void Cut() {
    world->At(2).Cut();
    cut = true;
    cut.notify_all();
  }
  void Release() {
    const std::lock_guard lock(mutex);
    released = true;
    for (const auto& done : held) done("");
  }
};

TEST_CASE("a worker that falls silent is given up and its keys are done by the others") {
  CutAtFirstLease scene;
  LocalCluster cluster(3, [&](int rank) { return scene.ScriptOf(rank); });
  scene.world = &cluster;
  Workforce workforce(cluster.At(0), QuickOptions(), 1, "");
  ListedWork record;
  record.on_lost = [&] { scene.Release(); };
  RunLeases(workforce, "", Keys(60), record);
  CHECK(record.accepted.size() == 60);
  REQUIRE(record.lost.contains(2));
  CHECK(record.lost.size() == 1);
  CHECK(record.lost[2] == 4);
  CHECK(Contains(record.reasons, "silent"));
  CHECK(workforce.roster().Living().size() == 2);
  workforce.Dismiss();
  cluster.Join();
  CHECK(cluster.ExitOf(2) == ExitCode::kCoordinatorLost);
  CHECK(cluster.ExitOf(3) == ExitCode::kDone);
}

TEST_CASE("the end of a lease run does not wait for a slow worker that others can help out") {
  CutAtFirstLease scene;
  scene.released = true;
  ClusterOptions options = QuickOptions();
  options.dead_s = 1000;
  LocalCluster cluster(3, [&](int rank) { return scene.ScriptOf(rank); });
  scene.world = &cluster;
  Workforce workforce(cluster.At(0), options, 1, "");
  ListedWork record;
  RunLeases(workforce, "", Keys(60), record);
  CHECK(record.accepted.size() == 60);
  CHECK(record.lost.empty());
}

TEST_CASE("a key that keeps failing is abandoned with its reason, the others are not") {
  std::atomic<int> tries = 0;
  LocalCluster cluster(2, [&](int) {
    return Script{.start = [&](const Key& key, const std::string&, auto done, auto failed) {
      if (key.problem == 5) {
        ++tries;
        failed("unlucky");
      } else if (key.problem == 6) {
        throw Error("thrown");
      } else {
        done("ok");
      }
    }};
  });
  Workforce workforce(cluster.At(0), PatientOptions(), 1, "");
  ListedWork record;
  RunLeases(workforce, "", Keys(10), record);
  CHECK(record.accepted.size() == 8);
  REQUIRE(record.abandoned.size() == 2);
  CHECK(record.abandoned.begin()->second == "unlucky");
  CHECK(record.abandoned.rbegin()->second == "thrown");
  CHECK(tries >= 3);
}

// Gets ready when asked and answers every lease, or leaves it to `on_lease`.
PlayedWorker::Heard Answering(const std::function<void(PlayedWorker&, const Lease&)>& on_lease) {
  return [on_lease](PlayedWorker& self, const Envelope& envelope) {
    if (envelope.type == MessageType::kBeginLeases) {
      self.Say(ReadyForLeases{Decode<BeginLeases>(envelope).lease_run});
    } else if (envelope.type == MessageType::kLease) {
      on_lease(self, Decode<Lease>(envelope));
    }
  };
}

void Answer(PlayedWorker& self, const Lease& lease) {
  self.Say(Result{lease.lease, lease.lease_run, lease.key, "right"});
}

TEST_CASE("results are acknowledged only after they were committed") {
  auto world = MakeLocalWorld(2);
  std::atomic<std::size_t> committed = 0;
  std::size_t acknowledged = 0;
  bool too_early = false;
  PlayedWorker worker(*world[1], [&](PlayedWorker& self, const Envelope& envelope) {
    Answering(Answer)(self, envelope);
    if (envelope.type != MessageType::kAck) return;
    acknowledged += Decode<Ack>(envelope).leases.size();
    too_early |= acknowledged > committed;
  });
  Workforce workforce(*world[0], QuickOptions(), 1, "");
  ListedWork record;
  record.on_commit = [&] { committed = record.committed; };
  RunLeases(workforce, "", Keys(50), record);
  CHECK(committed == 50);
  workforce.Dismiss();
  worker.Join();
  CHECK(acknowledged == 50);
  CHECK_FALSE(too_early);
}

TEST_CASE("what belongs to another lease run, or to a key it does not have, changes nothing") {
  auto world = MakeLocalWorld(2);
  PlayedWorker worker(*world[1], Answering([](PlayedWorker& self, const Lease& lease) {
    self.Say(Result{lease.lease, lease.lease_run + 1, lease.key, "of another run"});
    self.Say(LeaseFailed{lease.lease, lease.lease_run + 1, lease.key, "of another run"});
    self.Say(ReadyForLeases{lease.lease_run + 1});
    self.Say(Result{lease.lease + 1000, lease.lease_run, Key{9, Phase::kEvaluate, 1, 1}, "no key"});
    self.Say(LeaseFailed{lease.lease + 1000, lease.lease_run, lease.key, "a lease never granted"});
    self.Say(Result{lease.lease, lease.lease_run, lease.key, "of an earlier start"}, 0);
    Answer(self, lease);
    self.Say(Result{lease.lease, lease.lease_run, lease.key, "too late"});
    self.Say(LeaseFailed{lease.lease, lease.lease_run, lease.key, "after all"});
  }));
  Workforce workforce(*world[0], PatientOptions(), 1, "");
  ListedWork record;
  RunLeases(workforce, "", Keys(20), record);
  CHECK(record.accepted.size() == 20);
  for (const auto& [key, result] : record.accepted) CHECK(result == "right");
  CHECK(record.abandoned.empty());
}

TEST_CASE(
    "a result under a lease that was never granted counts, since it is a function of its key") {
  auto world = MakeLocalWorld(2);
  PlayedWorker worker(*world[1], Answering([](PlayedWorker& self, const Lease& lease) {
    self.Say(Result{lease.lease + 1000, lease.lease_run, lease.key, "right"});
  }));
  Workforce workforce(*world[0], PatientOptions(), 1, "");
  ListedWork record;
  RunLeases(workforce, "", Keys(4), record);
  CHECK(record.accepted.size() == 4);
}

TEST_CASE("bytes that are no message end the run with an error that names them") {
  const std::string damaged = Encode(1, Result{1, 1, Key{}, "right"});
  for (const auto& [bytes, words] :
       {std::pair{std::string("\xFF\1\0\0\0", 5), "unknown type 255"},
        std::pair{std::string("\1"), "bytes missing"},
        std::pair{damaged.substr(0, damaged.size() - 1), "bytes missing"},
        std::pair{damaged + "x", "left over"}}) {
    CAPTURE(words);
    auto world = MakeLocalWorld(2);
    PlayedWorker worker(*world[1], Answering([&, bytes = bytes](PlayedWorker& self, const Lease&) {
      self.SayBytes(bytes);
    }));
    Workforce workforce(*world[0], PatientOptions(), 1, "");
    ListedWork record;
    std::string what;
    CHECK(CodeOf([&] { RunLeases(workforce, "", Keys(2), record); }, &what) == ExitCode::kBadInput);
    CHECK(Contains(what, words));
    CHECK(record.accepted.empty());
  }
}

TEST_CASE("a lease that gets no answer expires, and its key is given up after max_failures") {
  auto world = MakeLocalWorld(2);
  int granted = 0;
  PlayedWorker worker(*world[1], Answering([&](PlayedWorker& self, const Lease& lease) {
    if (lease.key.problem == 0) {
      ++granted;
    } else {
      Answer(self, lease);
    }
  }));
  ClusterOptions options = PatientOptions();
  options.lease_s = 0.2;
  options.max_failures = 2;
  Workforce workforce(*world[0], options, 1, "");
  ListedWork record;
  RunLeases(workforce, "", Keys(3), record);
  workforce.Dismiss();
  worker.Join();
  CHECK(granted == 2);
  CHECK(record.accepted.size() == 2);
  REQUIRE(record.abandoned.size() == 1);
  CHECK(Contains(record.abandoned.begin()->second, "cluster.lease_s"));
}

TEST_CASE("a stop request ends the lease run after a commit") {
  LocalCluster cluster(2, [](int) {
    return Script{.start = [](const Key& key, const std::string&, auto done, auto) {
      if (key.problem < 5) done("");
    }};
  });
  Workforce workforce(cluster.At(0), PatientOptions(), 1, "");
  ListedWork record;
  record.stop = [&] { return record.accepted.size() >= 3; };
  CHECK(CodeOf([&] { RunLeases(workforce, "", Keys(100), record); }) == ExitCode::kStopped);
  CHECK(record.accepted.size() >= 3);
  CHECK(record.committed == record.accepted.size());
}

TEST_CASE("too few workers end the run with their reasons, and what was accepted is kept") {
  std::atomic<bool> accepted = false;
  LocalCluster cluster(2, [&](int rank) {
    Script script;
    if (rank == 1) {
      script.begin = [&](const std::string&) {
        accepted.wait(false);
        Fail("cannot load the model");
      };
    }
    return script;
  });
  ClusterOptions options = QuickOptions();
  options.min_workers = 2;
  std::string what;
  ListedWork record;
  record.on_accept = [&](const Key&) {
    accepted = true;
    accepted.notify_all();
  };
  {
    Workforce workforce(cluster.At(0), options, 1, "");
    CHECK(CodeOf([&] { RunLeases(workforce, "", Keys(100000), record); }, &what) ==
          ExitCode::kTrainersLost);
  }
  CHECK(Contains(what, "min_workers is 2"));
  CHECK(Contains(what, "cannot load the model"));
  CHECK(record.committed == record.accepted.size());
  CHECK(record.committed > 0);
  cluster.Join();
  CHECK_FALSE(cluster.ExitOf(1));
  CHECK(cluster.ExitOf(2) == ExitCode::kDone);
}

TEST_CASE("loading a model for longer than dead_s does not look like death") {
  ClusterOptions options = QuickOptions();
  options.dead_s = 1;
  const double start = MonotonicSeconds();
  std::atomic<bool> release = false;
  LocalCluster cluster(
      1, [&](int) { return Script{.begin = [&](const std::string&) { release.wait(false); }}; });
  Workforce workforce(cluster.At(0), options, 1, "");
  ListedWork record;
  record.on_show = [&] {
    if (MonotonicSeconds() - start < 2 * options.dead_s) return;
    release = true;
    release.notify_all();
  };
  RunLeases(workforce, "", Keys(5), record);
  CHECK(record.accepted.size() == 5);
  CHECK(record.lost.empty());
}

TEST_CASE("with split placement the last ranks train and the others search") {
  std::mutex mutex;
  std::set<int> searched, trained;
  std::vector<std::function<void(std::string)>> waiting;  // Until two ranks have been given work.
  LocalCluster cluster(3, [&](int rank) {
    return Script{.start =
                      [&, rank](const Key&, const std::string&, auto done, auto) {
                        const std::lock_guard lock(mutex);
                        searched.insert(rank);
                        waiting.push_back(done);
                        if (searched.size() < 2) return;
                        for (const auto& answer : waiting) answer("");
                        waiting.clear();
                      },
                  .train =
                      [&, rank](const std::string&, PeerLink&, const auto&, const auto&) {
                        const std::lock_guard lock(mutex);
                        trained.insert(rank);
                        return std::string("ok");
                      }};
  });
  ClusterOptions options = PatientOptions();
  options.placement = Placement::kSplit;
  options.train_ranks = 1;
  Workforce workforce(cluster.At(0), options, 1, "");
  ListedWork record;
  RunLeases(workforce, "", Keys(40), record);
  ListedWatch watch;
  CHECK(RunGroup(workforce, "", watch) == "ok");
  CHECK(searched == std::set<int>{1, 2});
  CHECK(trained == std::set<int>{3});
}

}  // namespace
}  // namespace gradus
