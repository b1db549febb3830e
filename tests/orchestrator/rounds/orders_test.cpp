#include "orchestrator/rounds/orders.h"

#include <doctest/doctest.h>

using namespace gradus;

TEST_CASE("A problem travels to a worker with its goal") {
  Problem problem{"p", "1+1 \"ü\"", "2", "3", "synthetic", {"add", "mul"}};
  const Goal goals[] = {AnswerGoal{"2"}, TheoremGoal{"1+1=2", "00", {"choice"}},
                        TestsGoal{{{"1", "2"}}, "tokens"}, ExternalGoal{R"({"a":[1,null]})"}};
  for (const Goal& goal : goals) {
    problem.goal = goal;
    const Problem there = ParseProblem(ToText(problem));
    CHECK(there.id == problem.id);
    CHECK(there.problem == problem.problem);
    CHECK(there.answer == problem.answer);
    CHECK(there.level == problem.level);
    CHECK(there.source == problem.source);
    CHECK(there.allowed_steps == problem.allowed_steps);
    CHECK(there.goal == goal);
  }
}
