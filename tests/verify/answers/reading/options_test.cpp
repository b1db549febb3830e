#include "verify/answers/reading/options.h"

#include "tests/verify/answers/grader_table.h"

using namespace gradus;

TEST_CASE("An option is named alone or with its text, never among others") {
  const AnswerPair equal[] = {{"B", "(B)"},           {"B", "Choice B"},
                              {"B", "answer: B"},     {"B", "The correct option is B"},
                              {"A,B", "A and B"},     {"A,B", "B, A"},
                              {"C", "\\textbf{(C)}"}, {"C", "C."},
                              {"C", "C) 15"},         {"D", "\\boxed{\\text{D}}"}};
  const AnswerPair unequal[] = {{"A", "A or B"},
                                {"A", "A and B"},
                                {"B", "A, B"},
                                {"C", "not C"},
                                {"C", "(A)(B)(C)"},
                                {"B", "either B or C"},
                                {"B", "The correct option is not B"},
                                {"D", "A B C D"},
                                {"A,B", "A,C"},
                                {"A,B", "B"},
                                {"C", "C) or D)"},
                                {"B", "B is wrong"},
                                {"B", "None, not B"},
                                {"E", "A E"},
                                {"B", "B? No, D"}};
  CheckAll(equal, "correct");
  CheckNever(unequal, "correct");
}
