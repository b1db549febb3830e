#include "verify/answers/reading/phrase.h"

#include "tests/verify/answers/grader_table.h"

using namespace gradus;

TEST_CASE("Phrases that say the same are the same, negated ones are not") {
  const AnswerPair equal[] = {{"\\text{decreasing}", "monotonically decreasing"},
                              {"no solution", "There is no solution."},
                              {"\\varnothing", "no real solutions"},
                              {"\\text{infinitely many solutions}", "infinitely many"},
                              {"\\mathbb{R}", "all real numbers"},
                              {"west", "westward"},
                              {"yes", "Yes."},
                              {"\\text{does not exist}", "DNE"},
                              {"undefined", "\\text{Undefined}"}};
  const AnswerPair unequal[] = {{"west", "east"},
                                {"prime", "composite"},
                                {"\\text{even}", "not even"},
                                {"yes", "no"},
                                {"true", "not true"},
                                {"increasing", "not increasing"},
                                {"\\text{isosceles}", "not isosceles"}};
  CheckAll(equal, "correct");
  CheckNever(unequal, "correct");
}
