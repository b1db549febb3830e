#include "orchestrator/cluster/worker.h"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "orchestrator/cluster/protocol.h"
#include "tests/fakes/listed_work.h"
#include "tests/fakes/local_cluster.h"

namespace gradus {
namespace {

using Script = ScriptedRole::Script;

// Rank 0, played message by message against one worker.
class Scene {
 public:
  explicit Scene(const Script& script) : cluster_(1, [&](int) { return script; }) {}
  ~Scene() {
    Say(Leave{});
    cluster_.Join();
  }
  template <class T>
  void Say(const T& message) {
    SayBytes(Encode(7, message));
  }
  void SayBytes(std::string bytes) { cluster_.At(0).Send(1, kControlChannel, std::move(bytes)); }
  // The next message but heartbeats; fails the test when nothing comes.
  Message Hear() {
    for (;;) {
      auto message = cluster_.At(0).Receive(kControlChannel, 30, -1);
      REQUIRE(message);
      if (Open(message->bytes).type != MessageType::kHeartbeat) return *message;
    }
  }
  template <class T>
  T HearA() {
    const Message message = Hear();
    const Envelope envelope = Open(message.bytes);
    CHECK(envelope.epoch == (T::kType == MessageType::kHello ? 0 : 7));
    return Decode<T>(envelope);
  }
  // Waits for so many heartbeats in a row that tell of `unacknowledged` results.
  void AwaitHeartbeats(int count, std::uint32_t unacknowledged) {
    for (int seen = 0; seen < count;) {
      const auto message = cluster_.At(0).Receive(kControlChannel, 30, -1);
      REQUIRE(message);
      const auto heartbeat = Decode<Heartbeat>(Open(message->bytes));
      seen = heartbeat.unacknowledged == unacknowledged ? seen + 1 : 0;
    }
  }
  void Greet() {
    HearA<Hello>();
    Say(Setup{0.05, 240, "the setup"});
  }
  std::optional<ExitCode> Exit() {
    cluster_.Join();
    return cluster_.ExitOf(1);
  }

 private:
  LocalCluster cluster_;
};

const Key kKey{1, Phase::kRollout, 3, 0};

TEST_CASE("a worker that hears nothing leaves as one who lost the coordinator") {
  LocalCluster cluster(1, [](int) { return Script{}; });
  ClusterOptions options = QuickOptions();
  options.silence_s = 0.3;
  Workforce workforce(cluster.At(0), options, 1, "");
  cluster.At(0).Cut();
  cluster.Join();
  CHECK(cluster.ExitOf(1) == ExitCode::kCoordinatorLost);
}

TEST_CASE("a worker says hello, gets ready, answers its leases and leaves when told") {
  std::string setup, order;
  std::atomic<bool> ended = false;
  Scene scene({.setup = [&](const std::string& text) { setup = text; },
               .begin = [&](const std::string& text) { order = text; },
               .end = [&] { ended = true; }});
  CHECK_FALSE(scene.HearA<Hello>().host.empty());
  scene.Say(Setup{0.05, 240, "the setup"});
  scene.Say(BeginLeases{4, "the order"});
  CHECK(scene.HearA<ReadyForLeases>().lease_run == 4);
  CHECK(setup == "the setup");
  CHECK(order == "the order");
  scene.Say(Lease{11, 4, kKey, "payload"});
  const auto result = scene.HearA<Result>();
  CHECK(result.lease == 11);
  CHECK(result.lease_run == 4);
  CHECK(result.key == kKey);
  CHECK(result.bytes == "r1/rollout/p3/a0 payload");
  scene.Say(EndLeases{4});
  scene.Say(Leave{});
  CHECK(scene.Exit() == ExitCode::kDone);
  CHECK(ended);
}

TEST_CASE("leases and the end of another lease run are not for this worker") {
  std::atomic<int> started = 0;
  Scene scene({.start = [&](const Key&, const std::string&, auto done, auto) {
    ++started;
    done("");
  }});
  scene.Greet();
  scene.Say(Lease{1, 0, kKey, ""});  // No run has begun, and 0 is none.
  scene.Say(BeginLeases{4, ""});
  scene.HearA<ReadyForLeases>();
  scene.Say(Lease{2, 3, kKey, ""});
  scene.Say(EndLeases{3});
  scene.Say(Lease{3, 4, kKey, ""});
  CHECK(scene.HearA<Result>().lease == 3);
  CHECK(started == 1);
}

TEST_CASE("a lease that fails or throws is told, and the worker goes on") {
  Scene scene({.start = [](const Key&, const std::string& payload, auto done, auto failed) {
    if (payload == "throws") Fail("thrown");
    if (payload == "fails") return failed("unlucky");
    done("right");
  }});
  scene.Greet();
  scene.Say(BeginLeases{1, ""});
  scene.HearA<ReadyForLeases>();
  scene.Say(Lease{1, 1, kKey, "throws"});
  CHECK(scene.HearA<LeaseFailed>().reason == "thrown");
  scene.Say(Lease{2, 1, kKey, "fails"});
  const auto failed = scene.HearA<LeaseFailed>();
  CHECK(failed.reason == "unlucky");
  CHECK(failed.lease == 2);
  CHECK(failed.key == kKey);
  scene.Say(Lease{3, 1, kKey, ""});
  CHECK(scene.HearA<Result>().bytes == "right");
}

TEST_CASE("heartbeats go on while the role loads, with what is not acknowledged") {
  std::atomic<bool> release = false;
  Scene scene({.begin = [&](const std::string& order) {
    if (order == "slow") release.wait(false);
  }});
  scene.Greet();
  scene.Say(BeginLeases{1, ""});
  scene.HearA<ReadyForLeases>();
  for (std::uint64_t lease : {1, 2, 3}) scene.Say(Lease{lease, 1, kKey, ""});
  for (int i = 0; i < 3; ++i) scene.HearA<Result>();
  scene.Say(Ack{{1, 2}});
  scene.Say(EndLeases{1});
  scene.Say(BeginLeases{2, "slow"});
  scene.AwaitHeartbeats(3, 1);
  release = true;
  release.notify_all();
  CHECK(scene.HearA<ReadyForLeases>().lease_run == 2);
}

TEST_CASE("what the role cannot survive is told as the reason for leaving") {
  Scene scene({.begin = [](const std::string&) { Fail("cannot load the model"); }});
  scene.Greet();
  scene.Say(BeginLeases{1, ""});
  CHECK(scene.HearA<Gone>().what == "cannot load the model");
  CHECK_FALSE(scene.Exit());
}

TEST_CASE("bytes that are no message end the worker, who says why") {
  const std::string lease = Encode(7, Lease{1, 1, kKey, "payload"});
  for (const auto& [bytes, words] : {std::pair{std::string("\xFF\1\0\0\0", 5), "unknown type 255"},
                                     std::pair{std::string(), "bytes missing"},
                                     std::pair{lease.substr(0, 12), "bytes missing"}}) {
    CAPTURE(words);
    Scene scene({});
    scene.Greet();
    scene.SayBytes(bytes);
    CHECK(Contains(scene.HearA<Gone>().what, words));
    CHECK_FALSE(scene.Exit());
  }
}

TEST_CASE("nobody but the coordinator gives a worker orders") {
  LocalCluster cluster(2, [](int) { return Script{}; });
  Workforce workforce(cluster.At(0), PatientOptions(), 1, "");
  cluster.At(2).Send(1, kControlChannel, Encode(1, Leave{}));
  cluster.At(2).Send(1, kControlChannel, Encode(1, Gone{"not my failure"}));
  cluster.At(2).Send(1, kControlChannel, "\xFF");
  ListedWork work;
  RunLeases(workforce, "", Keys(40), work);
  CHECK(work.accepted.size() == 40);
  CHECK(work.progress.counters.size() == 2);
  workforce.Dismiss();
  cluster.Join();
  CHECK(cluster.ExitOf(1) == ExitCode::kDone);
}

TEST_CASE("a training order ends with a report or with what went wrong and its code") {
  Scene scene({.train = [](const std::string& order, PeerLink& link, const auto& progress,
                           const auto&) -> std::string {
    CHECK(link.size() == 1);
    progress("{}");
    if (order == "input") Fail("no rows");
    if (order == "bug") throw std::runtime_error("bug");
    return order + " done";
  }});
  scene.Greet();
  scene.Say(TrainStart{5, {1}, "well"});
  CHECK(scene.HearA<TrainProgressReport>().group == 5);
  CHECK(scene.HearA<TrainDone>().report == "well done");
  scene.Say(TrainStart{6, {1}, "input"});
  scene.HearA<TrainProgressReport>();
  auto failed = scene.HearA<TrainFailed>();
  CHECK(failed.group == 6);
  CHECK(failed.code == static_cast<int>(ExitCode::kBadInput));
  CHECK(failed.what == "no rows");
  scene.Say(TrainStart{7, {1}, "bug"});
  scene.HearA<TrainProgressReport>();
  CHECK(scene.HearA<TrainFailed>().code == static_cast<int>(ExitCode::kInternal));
}

TEST_CASE("only words about its own group stop or cancel a training") {
  Scene scene({.train = [](const std::string& order, PeerLink& link, const auto&,
                           const auto& stop) -> std::string {
    if (order == "wait") return link.Receive(1, 1, 60);
    while (!stop()) std::this_thread::yield();
    return "stopped";
  }});
  scene.Greet();
  scene.Say(TrainStart{5, {1}, "until stopped"});
  scene.Say(TrainStop{4});
  scene.Say(TrainCancel{4, "another"});
  scene.Say(TrainStop{5});
  CHECK(scene.HearA<TrainDone>().report == "stopped");
  scene.Say(TrainStart{6, {1, 0}, "wait"});
  scene.Say(TrainCancel{5, "over already"});
  scene.Say(TrainCancel{6, "a member was lost"});
  const auto failed = scene.HearA<TrainFailed>();
  CHECK(failed.group == 6);
  CHECK(Contains(failed.what, "dissolved"));
}

TEST_CASE("a group that a worker is no member of is refused") {
  Scene scene({});
  scene.Greet();
  scene.Say(TrainStart{5, {0, 2}, ""});
  CHECK(Contains(scene.HearA<Gone>().what, "no member"));
}

}  // namespace
}  // namespace gradus
