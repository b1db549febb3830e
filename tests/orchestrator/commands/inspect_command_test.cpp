#include <doctest/doctest.h>

#include "schemas/base/error.h"
#include "tests/fakes/command_line.h"

using namespace gradus;

TEST_CASE("inspect lists all trees, those of a round, of a problem, of a key, and of one shard") {
  const TemporaryRun t;
  const auto count = [&](const std::string& options) {
    return Lines(OutputOf("inspect --json " + options)).size();
  };
  CHECK(count(t.path) == 2 * 24 + 2);
  CHECK(count(t.path + " --round 1") == 24);
  CHECK(count(t.path + " --round 1 --limit 5") == 5);
  CHECK(count(t.path + " --problem expr-0") == 3);
  CHECK(count(t.path + " --key r2/rollout/p7/a0") == 1);
  CHECK(count(t.path + " --tree --round 2") == 1);
  CHECK(count(t.path + "/rounds/0001/shards/rollout-000001.h5") == 8);
  CHECK(count(t.path + "/rounds/0001/shards/rollout-000001.h5 --limit 3") == 3);
  CHECK_THROWS_WITH_AS(OutputOf("inspect --problem nothing " + t.path),
                       doctest::Contains("no tree"), Error);
  CHECK_THROWS_AS(OutputOf("inspect " + t.path + "/no.h5"), Error);
}
