#include "orchestrator/cluster/coordinator.h"

#include <doctest/doctest.h>

#include <map>
#include <mutex>
#include <set>

#include "orchestrator/cluster/protocol.h"
#include "schemas/base/error.h"
#include "tests/fakes/local_cluster.h"

namespace gradus {
namespace {

using Script = ScriptedRole::Script;

std::vector<Key> Keys(std::uint32_t count) {
  std::vector<Key> keys;
  for (std::uint32_t i = 0; i < count; ++i) keys.push_back({1, Phase::kRollout, i, 0});
  return keys;
}

Script Obedient(int) { return {}; }

// What a phase told its callbacks.
struct Record {
  std::map<Key, std::string> accepted, abandoned;
  std::map<int, std::size_t> lost;
  std::string reasons;
  std::size_t committed = 0;
  PhaseProgress last_progress;

  PhaseCallbacks Callbacks() {
    PhaseCallbacks callbacks;
    callbacks.payload = [](const Key& key) { return "p" + std::to_string(key.problem); };
    callbacks.accept = [this](const Key& key, const std::string& bytes) {
      CHECK(accepted.emplace(key, bytes).second);
    };
    callbacks.abandon = [this](const Key& key, const std::string& reason) {
      CHECK(abandoned.emplace(key, reason).second);
    };
    callbacks.commit = [this] { committed = accepted.size(); };
    callbacks.progress = [this](const PhaseProgress& progress) { last_progress = progress; };
    callbacks.lost = [this](int rank, const std::string& reason, std::size_t leases) {
      lost[rank] = leases;
      reasons += reason;
    };
    return callbacks;
  }
};

TEST_CASE("a phase accepts each key exactly once with any number of workers") {
  for (const int workers : {1, 2, 4}) {
    CAPTURE(workers);
    LocalCluster cluster(workers, Obedient);
    Coordinator coordinator(cluster.At(0), PatientOptions(), 1, "setup");
    CHECK(coordinator.LiveWorkers() == workers);
    Record record;
    coordinator.RunPhase("order", Keys(100), record.Callbacks());
    CHECK(record.accepted.size() == 100);
    for (const auto& [key, bytes] : record.accepted) {
      CHECK(bytes == fmt::format("{} p{}", ToString(key), key.problem));
    }
    CHECK(record.committed == 100);
    CHECK(record.last_progress.done == 100);
    CHECK(record.last_progress.workers == workers);
    coordinator.Shutdown();
    cluster.Join();
    for (int rank = 1; rank <= workers; ++rank) CHECK(cluster.ExitOf(rank) == ExitCode::kDone);
  }
}

TEST_CASE("the workers get the setup and the order of each phase") {
  std::mutex mutex;
  std::multiset<std::string> heard;
  const auto listen = [&](const std::string& text) {
    const std::lock_guard lock(mutex);
    heard.insert(text);
  };
  LocalCluster cluster(2, [&](int) { return Script{.setup = listen, .begin = listen}; });
  Coordinator coordinator(cluster.At(0), PatientOptions(), 1, "the setup");
  Record first, second;
  coordinator.RunPhase("phase one", Keys(20), first.Callbacks());
  coordinator.RunPhase("phase two", Keys(20), second.Callbacks());
  CHECK(second.accepted.size() == 20);
  coordinator.RunPhase("never told", {}, Record{}.Callbacks());
  coordinator.Shutdown();
  cluster.Join();
  CHECK(heard == std::multiset<std::string>{"the setup", "the setup", "phase one", "phase one",
                                            "phase two", "phase two"});
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
  Coordinator coordinator(cluster.At(0), QuickOptions(), 1, "");
  Record record;
  PhaseCallbacks callbacks = record.Callbacks();
  callbacks.lost = [&, note = callbacks.lost](int rank, const std::string& reason, std::size_t n) {
    note(rank, reason, n);
    scene.Release();
  };
  coordinator.RunPhase("", Keys(60), callbacks);
  CHECK(record.accepted.size() == 60);
  REQUIRE(record.lost.contains(2));
  CHECK(record.lost.size() == 1);
  CHECK(record.lost[2] == 4);
  CHECK(Contains(record.reasons, "silent"));
  CHECK(coordinator.LiveWorkers() == 2);
  coordinator.Shutdown();
  cluster.Join();
  CHECK(cluster.ExitOf(2) == ExitCode::kCoordinatorLost);
  CHECK(cluster.ExitOf(3) == ExitCode::kDone);
}

TEST_CASE("the end of a phase does not wait for a slow worker that others can help out") {
  CutAtFirstLease scene;
  scene.released = true;
  ClusterOptions options = QuickOptions();
  options.dead_s = 1000;
  LocalCluster cluster(3, [&](int rank) { return scene.ScriptOf(rank); });
  scene.world = &cluster;
  Coordinator coordinator(cluster.At(0), options, 1, "");
  Record record;
  coordinator.RunPhase("", Keys(60), record.Callbacks());
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
  Coordinator coordinator(cluster.At(0), PatientOptions(), 1, "");
  Record record;
  coordinator.RunPhase("", Keys(10), record.Callbacks());
  CHECK(record.accepted.size() == 8);
  REQUIRE(record.abandoned.size() == 2);
  CHECK(record.abandoned.begin()->second == "unlucky");
  CHECK(record.abandoned.rbegin()->second == "thrown");
  CHECK(tries >= 3);
}

TEST_CASE("results are acknowledged only after they were committed") {
  auto world = MakeLocalWorld(2);
  std::atomic<std::size_t> committed = 0;
  std::size_t acknowledged = 0;
  bool too_early = false;
  // A worker that speaks the protocol by hand, to see the acknowledgements.
  std::jthread worker([&] {
    Transport& transport = *world[1];
    const auto send = [&](const auto& message) {
      transport.Send(0, kControlChannel, Encode(1, message));
    };
    send(Hello{"here"});
    for (;;) {
      const auto message = transport.Receive(kControlChannel, 0.05);
      send(Heartbeat{0, "{}"});
      if (!message) continue;
      const Envelope envelope = Open(message->bytes);
      if (envelope.type == MessageType::kBeginPhase) {
        send(PhaseReady{Decode<BeginPhase>(envelope).phase});
      } else if (envelope.type == MessageType::kLease) {
        const auto lease = Decode<Lease>(envelope);
        send(Result{lease.lease, lease.phase, lease.key, "r"});
      } else if (envelope.type == MessageType::kAck) {
        acknowledged += Decode<Ack>(envelope).leases.size();
        too_early |= acknowledged > committed;
      } else if (envelope.type == MessageType::kLeave) {
        return;
      }
    }
  });
  Coordinator coordinator(*world[0], QuickOptions(), 1, "");
  Record record;
  PhaseCallbacks callbacks = record.Callbacks();
  callbacks.commit = [&] { committed = record.accepted.size(); };
  coordinator.RunPhase("", Keys(50), callbacks);
  CHECK(committed == 50);
  coordinator.Shutdown();
  worker.join();
  CHECK(acknowledged == 50);
  CHECK_FALSE(too_early);
}

TEST_CASE("a stop request ends the phase after a commit") {
  LocalCluster cluster(2, [](int) {
    return Script{.start = [](const Key& key, const std::string&, auto done, auto) {
      if (key.problem < 5) done("");
    }};
  });
  Coordinator coordinator(cluster.At(0), PatientOptions(), 1, "");
  Record record;
  PhaseCallbacks callbacks = record.Callbacks();
  callbacks.stop = [&] { return record.accepted.size() >= 3; };
  CHECK(CodeOf([&] { coordinator.RunPhase("", Keys(100), callbacks); }) == ExitCode::kStopped);
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
  Record record;
  PhaseCallbacks callbacks = record.Callbacks();
  callbacks.accept = [&, note = callbacks.accept](const Key& key, const std::string& bytes) {
    note(key, bytes);
    accepted = true;
    accepted.notify_all();
  };
  {
    Coordinator coordinator(cluster.At(0), options, 1, "");
    CHECK(CodeOf([&] { coordinator.RunPhase("", Keys(100000), callbacks); }, &what) ==
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
  Coordinator coordinator(cluster.At(0), options, 1, "");
  Record record;
  PhaseCallbacks callbacks = record.Callbacks();
  callbacks.progress = [&](const PhaseProgress&) {
    if (MonotonicSeconds() - start < 2 * options.dead_s) return;
    release = true;
    release.notify_all();
  };
  coordinator.RunPhase("", Keys(5), callbacks);
  CHECK(record.accepted.size() == 5);
  CHECK(record.lost.empty());
}

TEST_CASE("a coordinator that is busy between phases loses nobody") {
  ClusterOptions options = QuickOptions();
  options.dead_s = 0.5;
  options.silence_s = 0.5;
  LocalCluster cluster(2, Obedient);
  Coordinator coordinator(cluster.At(0), options, 1, "");
  Record first, second;
  coordinator.RunPhase("", Keys(5), first.Callbacks());
  CHECK_FALSE(cluster.At(0).Receive(ChannelOf(99, 0), 1.2, -1));
  coordinator.RunPhase("", Keys(5), second.Callbacks());
  CHECK(second.accepted.size() == 5);
  CHECK(second.lost.empty());
}

TEST_CASE("a worker that hears nothing leaves as one who lost the coordinator") {
  LocalCluster cluster(1, Obedient);
  ClusterOptions options = QuickOptions();
  options.silence_s = 0.3;
  Coordinator coordinator(cluster.At(0), options, 1, "");
  cluster.At(0).Cut();
  cluster.Join();
  CHECK(cluster.ExitOf(1) == ExitCode::kCoordinatorLost);
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
  Coordinator coordinator(cluster.At(0), options, 1, "");
  Record record;
  coordinator.RunPhase("", Keys(40), record.Callbacks());
  CHECK(coordinator.Train("", {}) == "ok");
  CHECK(searched == std::set<int>{1, 2});
  CHECK(trained == std::set<int>{3});
}

TEST_CASE("too few ranks are refused with the number that is needed") {
  auto world = MakeLocalWorld(3);
  ClusterOptions options = QuickOptions();
  options.placement = Placement::kSplit;
  options.train_ranks = 4;
  std::string what;
  const auto make = [&] { Coordinator(*world[0], options, 1, ""); };
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
  CHECK(CodeOf([&] { Coordinator(*world[0], options, 1, ""); }, &what) == ExitCode::kBadInput);
  CHECK(Contains(what, "only 0 of 2 workers"));
}

}  // namespace
}  // namespace gradus
