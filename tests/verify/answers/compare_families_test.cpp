#include "verify/answers/compare.h"

#include "tests/verify/answers/grader_table.h"

using namespace gradus;

TEST_CASE("Agreement is seen everywhere or not at all") {
  const AnswerPair equal[] = {{"\\sqrt{x^2}", "|x|"},
                              {"\\sin 2x", "2\\sin x\\cos x"},
                              {"(x+1)^3", "x^3+3x^2+3x+1"},
                              {"x^3+C", "x^3+c"},
                              {"(-1)^{n+1}", "-(-1)^n"},
                              {"\\cos(\\pi n)", "(-1)^n"},
                              {"\\frac{x^2-4}{x-2}", "x+2"},
                              {"\\sqrt{x^4}", "x^2"},
                              {"\\log_2 8", "3"},
                              {"\\log 1000", "3"},
                              {"\\ln e^3", "3"},
                              {"\\binom{n}{3}", "\\frac{n(n-1)(n-2)}{6}"}};
  const AnswerPair unequal[] = {{"|x|", "x"},
                                {"|x-7|", "x-7"},
                                {"|x-50|", "50-x"},
                                {"\\max(x,100)", "100"},
                                {"\\sqrt{x^2}", "x"},
                                {"x", "x+10^{-30}"},
                                {"x", "x(1+10^{-25})"},
                                {"\\ln x^2", "2\\ln x"},
                                {"n!", "n^2"},
                                {"\\lfloor x\\rfloor", "x"},
                                {"e^{x}+C", "e^{x}"},
                                {"x^3+C", "x^3+1"},
                                {"(-1)^n", "1"},
                                {"x^n", "x^{n+1}"},
                                {"|x+y|", "x+y"},
                                {"|x|+|y|", "|x+y|"},
                                {"\\frac{|x|}{x}", "1"},
                                {"\\sqrt{x^4}", "x^3"},
                                {"y=|x|", "y=x"},
                                {"\\min(x,y)", "x"},
                                {"\\ln 1000", "3"},
                                {"\\lceil x\\rceil", "\\lfloor x\\rfloor+1"},
                                {"\\operatorname{sgn}(x)", "1"},
                                {"\\gcd(n,6)", "1"},
                                {"\\binom{n}{3}", "\\frac{n(n-1)(n-2)}{5}"},
                                {"n^3-n", "0"}};
  CheckAll(equal, "correct");
  CheckNever(unequal, "correct");
}

TEST_CASE("Collections are equal as what they are: in order, as multisets, as sets, by name") {
  const AnswerPair equal[] = {{"1,2,3", "3,2,1"},
                              {"\\{1,2\\}", "\\{2,1,1\\}"},
                              {"1,2", "\\{1,2\\}"},
                              {"(2,5)", "x=2, y=5"},
                              {"(2,5)", "x=2 and y=5"},
                              {"(2,5)", "\\langle 2,5\\rangle"},
                              {"(2,5)", "<2, 5>"},
                              {"2\\mathbf{i}+5\\mathbf{j}", "(2,5)"},
                              {"(1,0,-2)", "\\mathbf{i}-2\\mathbf{k}"},
                              {"\\hat{i}+\\hat{j}", "\\vec{i}+\\vec{j}"},
                              {"2,3", "2 and 3"},
                              {"2,3", "2 or 3"},
                              {"2, 3", "2; 3"},
                              {"1,2,3,4", "1 2 3 4"},
                              {"300000", "300,000"},
                              {"\\pm 3", "3,-3"},
                              {"(1,\\pm 2)", "(1,2),(1,-2)"},
                              {"ABD", "A,B,D"},
                              {"(3,4)^T", "(3,4)"},
                              {"\\begin{pmatrix}3\\\\4\\end{pmatrix}", "(3,4)"},
                              {"(x,y)=(4,5)", "x=4, y=5"},
                              {"a=1, b=2", "(1,2)"}};
  const AnswerPair unequal[] = {{"(1,2,3)", "(3,2,1)"},
                                {"1,2", "1,2,2"},
                                {"1,1,2", "1,2,2"},
                                {"(2,5)", "x=5, y=2"},
                                {"(1,0,-2)", "\\mathbf{i}-2\\mathbf{j}"},
                                {"1234", "1 2 3 4"},
                                {"10", "1 2 3 4"},
                                {"24", "1 2 3 4"},
                                {"2", "2,3"},
                                {"2,3", "2"},
                                {"300,400", "300400"},
                                {"3", "\\pm 3"},
                                {"AB", "ABC"}};
  CheckAll(equal, "correct");
  CheckNever(unequal, "correct");
}

TEST_CASE("Intervals are equal with their ends") {
  const AnswerPair equal[] = {{"x\\in(2,5)", "(2,5)"},
                              {"(2,\\infty)", "(2,+\\infty)"},
                              {"(-\\infty,1)\\cup(1,\\infty)", "x\\ne 1"},
                              {"\\mathbb{R}\\setminus\\{1\\}", "(-\\infty,1)\\cup(1,\\infty)"},
                              {"x\\ge 2", "[2,\\infty)"},
                              {"(0,1)", "(0, 1.0)"}};
  const AnswerPair unequal[] = {{"(2,5)", "[2,5]"}, {"x\\ge2", "(2,\\infty)"}};
  CheckAll(equal, "correct");
  CheckNever(unequal, "correct");
}
