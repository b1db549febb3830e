#include "verify/answers/golden_set.h"

#include <doctest/doctest.h>

using namespace gradus;

TEST_CASE("The golden set holds") { CHECK(CheckGrader().value_or("") == ""); }
