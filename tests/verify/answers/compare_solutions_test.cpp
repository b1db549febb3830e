#include "verify/answers/compare.h"

#include "tests/verify/answers/grader_table.h"

using namespace gradus;

TEST_CASE("Equations are equal when they have the same solutions, and met by all of these") {
  const AnswerPair equal[] = {{"y=3x+2", "3x-y+2=0"},
                              {"y=3x+2", "y-3x=2"},
                              {"x^2+y^2=9", "\\frac{x^2}{9}+\\frac{y^2}{9}=1"},
                              {"g(x)=x+1", "g(u)=u+1"},
                              {"a_n=n^2", "a_k=k^2"},
                              {"2x+y=5, x-y=1", "x=2, y=1"},
                              {"x^2=9", "x=3 or x=-3"},
                              {"x^2-3x+2=0", "x=1,2"},
                              {"x=2", "2x=4"},
                              {"3.1416", "\\pi \\approx 3.1416"},
                              {"xy=4", "y=\\frac{4}{x}"},
                              {"7", "x=7"},
                              {"11", "5+6=11"}};
  const AnswerPair unequal[] = {
      {"y=3x+2", "y=3x-2"}, {"g(x)=x+1", "g(u)=u+2"}, {"2x+y=5, x-y=1", "x=1, y=3"},
      {"x^2=9", "x=3"},     {"x=2", "x=3"},           {"x=2", "2x=5"},
      {"5", "x=5=7"},       {"3", "3\\approx 9"},     {"2a", "2A"},
      {"y=x", "y=|x|"},     {"12", "5+6=12"}};
  CheckAll(equal, "correct");
  CheckNever(unequal, "correct");
}
