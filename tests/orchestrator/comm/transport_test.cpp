#include "orchestrator/comm/transport.h"

#include <doctest/doctest.h>

#include <thread>

#include "orchestrator/comm/group_link.h"
#include "schemas/base/error.h"
#include "schemas/base/log.h"

namespace gradus {
namespace {

constexpr double kSoon = 20;  // Only a broken transport waits that long.

TEST_CASE("messages of one sender and channel arrive in order") {
  auto world = MakeLocalWorld(2);
  for (int i = 0; i < 100; ++i) world[1]->Send(0, 7, std::to_string(i));
  for (int i = 0; i < 100; ++i) {
    const auto message = world[0]->Receive(7, 0);
    REQUIRE(message);
    CHECK(message->from == 1);
    CHECK(message->channel == 7);
    CHECK(message->bytes == std::to_string(i));
  }
  CHECK_FALSE(world[0]->Receive(7, 0));
}

TEST_CASE("channels and senders are kept apart") {
  auto world = MakeLocalWorld(3);
  world[1]->Send(0, 1, "one");
  world[2]->Send(0, 1, "two");
  world[1]->Send(0, 2, "other");
  CHECK(world[0]->Receive(1, 0, 2)->bytes == "two");
  CHECK(world[0]->Receive(2, 0)->bytes == "other");
  CHECK(world[0]->Receive(1, 0)->bytes == "one");
  CHECK_FALSE(world[1]->Receive(1, 0));
}

TEST_CASE("a rank can send to itself") {
  auto world = MakeLocalWorld(1);
  world[0]->Send(0, 3, "note");
  CHECK(world[0]->Receive(3, 0)->from == 0);
}

TEST_CASE("a message wakes the thread that waits for it") {
  auto world = MakeLocalWorld(2);
  std::string got;
  std::jthread waiting([&] { got = world[0]->Receive(9, kSoon)->bytes; });
  world[1]->Send(0, 9, "here");
  waiting.join();
  CHECK(got == "here");
}

TEST_CASE("waiting ends at the timeout") {
  auto world = MakeLocalWorld(1);
  const double start = MonotonicSeconds();
  CHECK_FALSE(world[0]->Receive(1, 0.02));
  CHECK(MonotonicSeconds() - start >= 0.02);
}

TEST_CASE("closing a conversation frees its waiters and drops its messages") {
  auto world = MakeLocalWorld(2);
  world[1]->Send(0, ChannelOf(4, 1), "early");
  std::jthread waiting([&] { CHECK_FALSE(world[0]->Receive(ChannelOf(4, 2), kSoon)); });
  const double start = MonotonicSeconds();
  world[0]->Close(4);
  waiting.join();
  CHECK(MonotonicSeconds() - start < kSoon);
  world[1]->Send(0, ChannelOf(4, 1), "late");
  CHECK_FALSE(world[0]->Receive(ChannelOf(4, 1), kSoon));
  world[1]->Send(0, ChannelOf(5, 1), "next conversation");
  CHECK(world[0]->Receive(ChannelOf(5, 1), 0));
}

TEST_CASE("nothing passes between a rank and one it has given up") {
  auto world = MakeLocalWorld(3);
  world[0]->GiveUp(1);
  world[1]->Send(0, 1, "from the dead");
  world[0]->Send(1, 1, "to the dead");
  world[2]->Send(0, 1, "alive");
  CHECK(world[0]->Receive(1, 0)->bytes == "alive");
  CHECK_FALSE(world[0]->Receive(1, 0));
  CHECK_FALSE(world[1]->Receive(1, 0));
}

TEST_CASE("a group link numbers its members and names a silent one") {
  auto world = MakeLocalWorld(5);
  GroupLink second(*world[2], 6, {4, 2});
  GroupLink first(*world[4], 6, {4, 2});
  CHECK(first.rank() == 0);
  CHECK(second.rank() == 1);
  CHECK(second.size() == 2);
  second.Send(0, 1, "b");
  second.Send(0, 0, "a");
  CHECK(first.Receive(1, 0, kSoon) == "a");
  CHECK(first.Receive(1, 1, kSoon) == "b");
  try {
    first.Receive(1, 2, 0.01);
    FAIL("a silent peer was not noticed");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::kTrainersLost);
    CHECK(std::string(error.what()).find("rank 2") != std::string::npos);
  }
}

TEST_CASE("cancelling a group link throws in the thread that waits") {
  auto world = MakeLocalWorld(2);
  GroupLink link(*world[0], 6, {0, 1});
  std::jthread waiting([&] { CHECK_THROWS_AS(link.Receive(1, 0, kSoon), Error); });
  link.Cancel();
  waiting.join();
  CHECK_THROWS_AS(link.Send(1, 0, "x"), Error);
}

}  // namespace
}  // namespace gradus
