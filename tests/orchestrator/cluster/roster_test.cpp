#include "orchestrator/cluster/roster.h"

#include <doctest/doctest.h>

namespace gradus {
namespace {

using Ranks = std::vector<int>;

Roster ThreeWorkers() {
  Roster roster;
  for (int rank : {2, 1, 3}) CHECK(roster.Add(rank, "node" + std::to_string(rank), 10));
  return roster;
}

TEST_CASE("the living are listed by rank, a second hello changes nothing") {
  Roster roster = ThreeWorkers();
  CHECK(roster.Living() == Ranks{1, 2, 3});
  CHECK(roster.Lost().empty());
  CHECK_FALSE(roster.Add(2, "elsewhere", 99));
  CHECK(roster.At(2).host == "node2");
  CHECK(roster.At(2).last_seen == 10);
  CHECK(roster.At(2).counters == "{}");
}

TEST_CASE("a lost worker stays lost, whatever comes from it") {
  Roster roster = ThreeWorkers();
  roster.Lose(2, "silent for 30.0 s");
  roster.Seen(2, 50);
  roster.SetCounters(2, R"({"tokens":1})");
  CHECK_FALSE(roster.Add(2, "node2", 50));
  CHECK_FALSE(roster.IsAlive(2));
  CHECK(roster.Living() == Ranks{1, 3});
  CHECK(roster.Lost() == Ranks{2});
  CHECK(roster.At(2).last_seen == 10);
  CHECK(roster.At(2).counters == "{}");
}

TEST_CASE("a rank that was never there can be lost, and names itself without a host") {
  Roster roster = ThreeWorkers();
  CHECK_FALSE(roster.IsAlive(4));
  roster.Seen(4, 50);
  CHECK(roster.Lost().empty());
  roster.Lose(1, "left");
  roster.Lose(4, "no hello within 60 s");
  CHECK(roster.Departures() == "rank 1 (node1): left; rank 4: no hello within 60 s");
}

TEST_CASE("silence is counted from the last word, and only that of the living") {
  Roster roster = ThreeWorkers();
  roster.Seen(1, 20);
  roster.Lose(3, "left");
  CHECK(roster.Silent(20, 10).empty());
  CHECK(roster.Silent(20.5, 10) == Ranks{2});
  CHECK(roster.Silent(31, 10) == Ranks{1, 2});
}

TEST_CASE("silence that is forgiven counts anew, and never back") {
  Roster roster = ThreeWorkers();
  roster.Seen(1, 40);
  roster.ForgiveSilence(30);
  CHECK(roster.At(1).last_seen == 40);
  CHECK(roster.Silent(40, 10).empty());
  CHECK(roster.Silent(41, 10) == Ranks{2, 3});
}

}  // namespace
}  // namespace gradus
