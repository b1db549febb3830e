#include "verify/python/prefix_costs.h"

#include <doctest/doctest.h>

using namespace gradus;

TEST_CASE("A prefix pays when it took longer than a fork, or is asked for again") {
  PrefixCosts costs;
  CHECK_FALSE(costs.Pays("unknown"));
  CHECK(costs.Pays("unknown"));
  costs.Note("short", 0.003, true);
  costs.Note("long", 0.050, true);
  costs.Note("from-kept", 0.001, false);  // No measure of a fork.
  CHECK_FALSE(costs.Pays("short"));
  CHECK_FALSE(costs.Pays("short"));
  CHECK(costs.Pays("long"));
  costs.Refuse("long");
  CHECK_FALSE(costs.Pays("long"));
}
