#include "schemas/goal.h"

#include <doctest/doctest.h>

#include "schemas/base/error.h"

using namespace gradus;

TEST_CASE("Goals of every kind survive being written and read") {
  const Goal goals[] = {AnswerGoal{"\\frac{1}{2}"},
                        AnswerGoal{""},
                        TheoremGoal{"a = \"b\"\n", "ab", {"x", "y"}},
                        TestsGoal{{{"1 2\n", "3\n"}, {"", ""}}, "tokens"},
                        ExternalGoal{R"({"a":[1,null,"ü"]})"},
                        ExternalGoal{"null"}};
  for (const Goal& goal : goals) {
    CAPTURE(ToJsonText(goal));
    CHECK(ParseGoal(ToJsonText(goal)) == goal);
  }
}

TEST_CASE("A goal's text names its kind, and no other is read") {
  CHECK(ToJsonText(AnswerGoal{"7"}) == R"({"expected":"7","kind":"answer"})");
  CHECK_THROWS_WITH_AS(ParseGoal(R"({"kind":"proof"})"),
                       "unknown kind of goal 'proof'; known: answer, theorem, tests, external",
                       Error);
  CHECK_THROWS_AS(ParseGoal("{"), Error);
  CHECK_THROWS_AS(ParseGoal(""), Error);
}
