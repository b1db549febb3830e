#include "verify/answers/compare_parts.h"

#include <doctest/doctest.h>

#include "tests/verify/answers/grader_table.h"

using namespace gradus;

TEST_CASE("Tuples keep their order, lists and sets do not") {
  const AnswerPair correct[] = {
      {"(1, 2)", "\\left(1,2\\right)"},
      {"(1, 2)", "1, 2"},
      {"1, 2", "2 and 1"},
      {"\\{1,2,3\\}", "3,1,2"},
      {"1, 2", "[2, 1]"},
      {"(1,2),(3,4)", "\\{(3,4),(1,2)\\}"},
      {"x=1, y=2", "y=2, x=1"},
      {"x=1, y=2", "(1, 2)"},
      {"\\pm 3", "-3, 3"},
      {"-3, \\pm 2, 1", "1, -3, 2, -2"},
      {"(x,y) = (1,2)", "(1,2)"},
      {"5", "\\{5\\}"},
      {"1, 2, \\ldots, n", "1,2,...,n"},
      {"\\begin{bmatrix} 1 \\\\ 2 \\end{bmatrix}", "(1, 2)"},
      {"\\begin{pmatrix} 4 & 1 \\\\ 0 & 2 \\end{pmatrix}",
       "\\begin{pmatrix} 1 & 1 \\\\ 0 & 2 \\end{pmatrix} + 3 \\begin{pmatrix} 1 & 0 \\\\ 0 & 0 "
       "\\end{pmatrix}"},
      {"-2", "\\begin{vmatrix} 1 & 2 \\\\ 3 & 4 \\end{vmatrix}"},
      {"x=1, y=2", "\\left\\{\\begin{array}{l} x = 1, \\\\ y = 2 \\end{array}\\right."},
  };
  const AnswerPair wrong[] = {
      {"(1, 2)", "(2, 1)"},   {"(1, 2)", "(1, 2, 3)"},
      {"1, 2", "1"},          {"x=1, y=2", "x=2, y=1"},
      {"\\{1,2\\}", "(1,2)"}, {"1, 1, 2", "1, 2, 2"},
      {"3:4", "4:3"},         {"12:30", "12:03"},
      {"\\emptyset", "0"},    {"1, 2, \\ldots, n", "1, 3, \\ldots, 2n-1"},
  };
  CheckAll(correct, "correct");
  CheckAll(wrong, "wrong");
  CHECK(VerdictOf("6:8", "3:4") == "correct");
  CHECK(VerdictOf("2:15", "4:30 \\text{ PM}") == "wrong");
}
