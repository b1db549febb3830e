#include "orchestrator/cluster/protocol.h"

#include <doctest/doctest.h>

#include "orchestrator/comm/frame.h"
#include "schemas/base/seed.h"

namespace gradus {
namespace {

constexpr std::uint32_t kEpoch = 7;
const Key kKey{3, Phase::kEvaluate, 41, 2};

template <class T>
T RoundTrip(const T& message) {
  const std::string bytes = Encode(kEpoch, message);
  const Envelope envelope = Open(bytes);
  CHECK(envelope.epoch == kEpoch);
  return Decode<T>(envelope);
}

TEST_CASE("every message comes back as it was sent") {
  CHECK(RoundTrip(Hello{"node7"}).host == "node7");
  const Setup setup = RoundTrip(Setup{0.5, 60, "a: 1\n"});
  CHECK(setup.heartbeat_s == 0.5);
  CHECK(setup.silence_s == 60);
  CHECK(setup.text == "a: 1\n");
  const BeginLeases begin = RoundTrip(BeginLeases{4, "order"});
  CHECK(begin.lease_run == 4);
  CHECK(begin.order == "order");
  CHECK(RoundTrip(ReadyForLeases{5}).lease_run == 5);
  CHECK(RoundTrip(Ack{{1, 1ull << 40}}).leases == std::vector<std::uint64_t>{1, 1ull << 40});
  CHECK(RoundTrip(Heartbeat{9, "{}"}).unacknowledged == 9);
  CHECK(RoundTrip(EndLeases{6}).lease_run == 6);
  CHECK(RoundTrip(Leave{{2, 3}}).lost == std::vector<int>{2, 3});
  CHECK(RoundTrip(Gone{"disk full"}).what == "disk full");
}

TEST_CASE("leases, results and failures carry lease, phase and key") {
  const Lease lease = RoundTrip(Lease{11, 2, kKey, std::string("a\0b", 3)});
  CHECK(lease.lease == 11);
  CHECK(lease.lease_run == 2);
  CHECK(lease.key == kKey);
  CHECK(lease.payload == std::string("a\0b", 3));
  const Result result = RoundTrip(Result{12, 3, kKey, std::string(100000, 'x')});
  CHECK(result.lease == 12);
  CHECK(result.key == kKey);
  CHECK(result.bytes.size() == 100000);
  const LeaseFailed failed = RoundTrip(LeaseFailed{13, 4, kKey, "why"});
  CHECK(failed.lease == 13);
  CHECK(failed.lease_run == 4);
  CHECK(failed.reason == "why");
}

TEST_CASE("training messages carry their group") {
  const TrainStart start = RoundTrip(TrainStart{8, {1, 2, 4}, "order"});
  CHECK(start.group == 8);
  CHECK(start.members == std::vector<int>{1, 2, 4});
  CHECK(start.order == "order");
  CHECK(RoundTrip(TrainProgressReport{8, "{}"}).json == "{}");
  CHECK(RoundTrip(TrainDone{8, "{}"}).group == 8);
  const TrainFailed failed = RoundTrip(TrainFailed{8, 76, "peer lost"});
  CHECK(failed.code == 76);
  CHECK(failed.what == "peer lost");
  CHECK(RoundTrip(TrainStop{8}).group == 8);
  CHECK(RoundTrip(TrainCancel{8, "why"}).why == "why");
}

TEST_CASE("a lease without a long payload fits the smallest eager limit") {
  CHECK(Encode(kEpoch, Lease{1, 1, kKey, std::string(3900, 'p')}).size() < 4096);
}

template <class T>
void CheckCut(const T& message) {
  const std::string bytes = Encode(kEpoch, message);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CHECK_THROWS_AS(Decode<T>(Open(std::string_view(bytes).substr(0, size))), Error);
  }
  CHECK_THROWS_AS(Decode<T>(Open(bytes + "x")), Error);
}

TEST_CASE("a message cut off anywhere, or with a byte too many, is refused") {
  CheckCut(Hello{"node7"});
  CheckCut(Setup{0.5, 60, "a: 1\n"});
  CheckCut(Alive{});
  CheckCut(BeginLeases{4, "order"});
  CheckCut(ReadyForLeases{5});
  CheckCut(Lease{1, 2, kKey, "payload"});
  CheckCut(Result{1, 2, kKey, "bytes"});
  CheckCut(LeaseFailed{1, 2, kKey, "why"});
  CheckCut(Ack{{1, 2}});
  CheckCut(Heartbeat{9, "{}"});
  CheckCut(EndLeases{6});
  CheckCut(TrainStart{8, {1, 2, 4}, "order"});
  CheckCut(TrainProgressReport{8, "{}"});
  CheckCut(TrainDone{8, "{}"});
  CheckCut(TrainFailed{8, 76, "peer lost"});
  CheckCut(TrainStop{8});
  CheckCut(TrainCancel{8, "why"});
  CheckCut(Leave{{2, 3}});
  CheckCut(Gone{"disk full"});
}

TEST_CASE("a message of another or an unknown type, or with a key of no phase, is refused") {
  const std::string lease = Encode(kEpoch, Lease{1, 2, kKey, "payload"});
  CHECK_THROWS_AS(Decode<Result>(Open(lease)), Error);
  CHECK_THROWS_AS(Open(std::string("\xFF\0\0\0\0", 5)), Error);
  CHECK_THROWS_AS(Open(std::string(5, '\0')), Error);
  Key key = kKey;
  key.phase = static_cast<Phase>(9);
  CHECK_THROWS_AS(RoundTrip(Result{1, 2, key, ""}), Error);
}

TEST_CASE("a length that promises more than there is allocates nothing and is refused") {
  std::string bytes = Encode(kEpoch, Leave{{2, 3}});
  for (std::size_t i = 5; i < 9; ++i) bytes[i] = '\xFF';
  CHECK_THROWS_AS(Decode<Leave>(Open(bytes)), Error);
}

// What arrives when `message` is cut into frames and put together again.
std::string Travel(Reassembly& reassembly, std::uint64_t number, const std::string& message) {
  for (std::size_t offset = 0;; offset += kFrameBytes) {
    if (auto complete = reassembly.Add(EncodeFrame(5, number, message, offset))) {
      CHECK(complete->channel == 5);
      CHECK(offset + kFrameBytes >= message.size());
      return complete->bytes;
    }
  }
}

TEST_CASE("messages of any size survive being cut into frames") {
  Reassembly reassembly;
  std::uint64_t number = 0;
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, kFrameBytes - 1, kFrameBytes,
                                 kFrameBytes + 1, 3 * kFrameBytes + 17}) {
    std::string message(size, '\0');
    Random random(size);
    for (char& c : message) c = static_cast<char>(random.Bits());
    CHECK(Travel(reassembly, number++, message) == message);
  }
}

TEST_CASE("one flipped bit anywhere in a frame is noticed") {
  const std::string frame = EncodeFrame(5, 0, "forty-two", 0);
  for (std::size_t bit = 0; bit < 8 * frame.size(); ++bit) {
    std::string damaged = frame;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    Reassembly reassembly;
    CHECK_THROWS_AS(reassembly.Add(damaged), Error);
  }
}

TEST_CASE("frames that are missing, repeated or cut short are refused") {
  const std::string message(2 * kFrameBytes, 'm');
  Reassembly skipped;
  CHECK_THROWS_AS(skipped.Add(EncodeFrame(5, 0, message, kFrameBytes)), Error);
  Reassembly repeated;
  CHECK_FALSE(repeated.Add(EncodeFrame(5, 0, message, 0)));
  CHECK_THROWS_AS(repeated.Add(EncodeFrame(5, 0, message, 0)), Error);
  Reassembly shortened;
  const std::string frame = EncodeFrame(5, 0, "abc", 0);
  CHECK_THROWS_AS(shortened.Add(std::string_view(frame).substr(0, frame.size() - 1)), Error);
  CHECK_THROWS_AS(shortened.Add(""), Error);
}

}  // namespace
}  // namespace gradus
