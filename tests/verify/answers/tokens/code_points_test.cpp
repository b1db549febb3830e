#include "verify/answers/tokens/code_points.h"

#include "tests/verify/answers/grader_table.h"

using namespace gradus;

TEST_CASE("Full-width forms, scripts and signs mean what their plain spelling does") {
  const AnswerPair equal[] = {{"7", "７"},
                              {"x<2", "x＜2"},
                              {"25%", "25％"},
                              {"(3,4)", "（3，4）"},
                              {"1,2", "1、2"},
                              {"\\pi", "π"},
                              {"7", "答案为7"},
                              {"7", "答案：7"},
                              {"B", "答案是B"},
                              {"是", "是"},
                              {"无解", "\\varnothing"},
                              {"1/2", "½"},
                              {"3/4", "¾"},
                              {"2 1/3", "2⅓"},
                              {"1000", "10³"},
                              {"x^2+1", "x²+1"},
                              {"x_1", "x₁"},
                              {"10^{-3}", "10⁻³"},
                              {"\\sqrt{5}", "√5"},
                              {"\\sqrt{5}", "√(5)"},
                              {"2\\pi", "２π"},
                              {"A", "选A"},
                              {"5", "5个"},
                              {"5", "5元"},
                              {"x\\ge 3", "x≥3"},
                              {"\\infty", "∞"},
                              {"-5", "－5"},
                              {"1:2", "１：２"},
                              {"90^\\circ", "90°"}};
  const AnswerPair unequal[] = {{"7", "答案不是7"}, {"是", "否"}, {"5", "没有5"}};
  CheckAll(equal, "correct");
  CheckNever(unequal, "correct");
}
