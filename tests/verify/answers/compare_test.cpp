#include "verify/answers/compare.h"

#include <doctest/doctest.h>

#include "tests/verify/answers/grader_table.h"

using namespace gradus;

TEST_CASE("Sets of numbers are equal when they have the same members") {
  const AnswerPair correct[] = {
      {"(-\\infty,3)\\cup(5,\\infty)", "(5,\\infty)\\cup(-\\infty,3)"},
      {"[1,2] \\cup [2,3]", "[1,3]"},
      {"x \\in [1, 2)", "[1, 2)"},
      {"1 \\le |x| \\le 2", "[-2,-1] \\cup [1,2]"},
      {"x \\ge 0, x \\ne 1", "[0,1) \\cup (1, \\infty)"},
      {"x \\ne 3", "\\mathbb{R} \\setminus \\{3\\}"},
      {"\\text{all real numbers}", "(-\\infty, \\infty)"},
      {"\\emptyset", "no solution"},
      {"x < 1 \\text{ or } x > 2", "(-\\infty, 1) \\cup (2, \\infty)"},
      {"\\{x \\mid x > 2\\}", "(2, \\infty)"},
  };
  const AnswerPair wrong[] = {{"[1,2]", "[1,2)"},
                              {"(1,2)", "[1,2)"},
                              {"[1,2] \\cup [4,5]", "[1,5]"},
                              {"1 \\le |x| \\le 2", "[1,2]"}};
  CheckAll(correct, "correct");
  CheckAll(wrong, "wrong");
}

TEST_CASE("Equations and inequalities are equal up to rearrangement") {
  const AnswerPair correct[] = {{"2x+4y-3=0", "y=-\\frac{1}{2}x+\\frac{3}{4}"},
                                {"x < 1", "-x > -1"},
                                {"x y = 1", "y = 1/x"},
                                {"2<x<3", "3>x>2"},
                                {"x^2+y^2=4", "2x^2+2y^2-8=0"},
                                {"x \\ne 3", "x != 3"},
                                {"y = 2x", "f(x) = 2x"},
                                {"x = 5", "5 = x"},
                                {"k\\pi, k \\in \\mathbb{Z}", "k\\pi"}};
  const AnswerPair wrong[] = {
      {"x>3", "x\\geq 3"},    {"2<x<3", "2<x<4"}, {"x=1", "x=2"},    {"x^2/4+y^2=1", "x^2+y^2/4=1"},
      {"y = 2x", "y = 2x+1"}, {"2x+z=1", "1"},    {"x > 5", "x < 5"}};
  CheckAll(correct, "correct");
  CheckAll(wrong, "wrong");
  // The prediction may not repeat the condition that was to be solved, unless the issuer says so.
  CHECK(Grade("(2, 3)", "2<x<3").reason == "relation-for-set");
  CHECK(Grade("(2, 3)", "2<x<3", {GraderMode::kStrict, {{}, {}, true}}).verdict ==
        Verdict::kCorrect);
  CHECK(VerdictOf("x = 5", "y = 5") == "unverifiable");
}

TEST_CASE("Equations without real solutions are not all the same") {
  for (const char* other : {"x^2-3x+10=0", "x^2-2x+20=0", "x^2-2x+10=1", "x^3=0"}) {
    CAPTURE(std::string(other));
    CHECK(VerdictOf("x^2-2x+10=0", other) != "correct");
    CHECK(VerdictOf("x^2-25=0", other) != "correct");
  }
  CHECK(VerdictOf("x^2-5x+6=0", "\\emptyset") != "correct");
  CHECK(VerdictOf("x(y+1)=0", "x(y+2)=0") != "correct");
}
