#include "verify/answers/expression/parse.h"

#include "tests/verify/answers/grader_table.h"

using namespace gradus;

TEST_CASE("Selections, double factorials, residues and bases have their values") {
  const AnswerPair equal[] = {{"56", "\\binom{8}{3}"},
                              {"56", "8C3"},
                              {"56", "C(8,3)"},
                              {"336", "P(8,3)"},
                              {"336", "8P3"},
                              {"56", "\\tbinom83"},
                              {"56", "nCr(8,3)"},
                              {"105", "7!!"},
                              {"384", "8!!"},
                              {"4\\pmod{9}", "4"},
                              {"x\\equiv 2\\pmod 5", "2 \\pmod 5"},
                              {"x\\equiv 2\\pmod 5", "x\\equiv 7\\pmod 5"},
                              {"FF_{16}", "255_{10}"},
                              {"1010_2", "1010"},
                              {"12_{16}", "18_{10}"},
                              {"2B_{16}", "2B"}};
  const AnswerPair unequal[] = {{"5040", "7!!"},
                                {"x\\equiv 2\\pmod 5", "x\\equiv 2\\pmod 3"},
                                {"2\\pmod5", "3\\pmod5"},
                                {"12_{16}", "12_{8}"}};
  CheckAll(equal, "correct");
  CheckNever(unequal, "correct");
}

TEST_CASE("What Python prints is read as what it stores") {
  const AnswerPair equal[] = {{"x=3, y=4", "{x: 3, y: 4}"},
                              {"x=3,y=4", "{y: 4, x: 3}"},
                              {"\\{1,2,3\\}", "{1, 2, 3}"},
                              {"1,2", "[1, 2]"},
                              {"(1,2)", "Tuple(1, 2)"},
                              {"1/2", "Rational(1, 2)"},
                              {"1/2", "Fraction(1, 2)"},
                              {"0.25", "Decimal('0.25')"},
                              {"3+4i", "3+4j"},
                              {"3+4i", "3 + 4*I"},
                              {"5", "[5]"},
                              {"1,2,3", "array([1, 2, 3])"},
                              {"1,2,3", "[1 2 3]"},
                              {"x>2", "x > 2"},
                              {"2<x<5", "(2 < x) & (x < 5)"},
                              {"(2,5)", "Interval.open(2, 5)"},
                              {"x^2+1", "x**2 + 1"},
                              {"\\frac{\\sqrt{2}}{2}", "sqrt(2)/2"},
                              {"\\sqrt{3}", "math.sqrt(3)"},
                              {"(2,3)", "Point2D(2, 3)"},
                              {"2.5", "np.float64(2.5)"},
                              {"\\text{True}", "True"},
                              {"-1,1", "[-1, 1]"},
                              {"x=5", "Eq(x, 5)"},
                              {"5", "Eq(x, 5)"}};
  const AnswerPair unequal[] = {{"x=3,y=4", "{x: 4, y: 3}"},
                                {"6", "array([1, 2, 3])"},
                                {"5", "print(5)"},
                                {"5", "int(5.9)"},
                                {"5", "len([1,2,3,4,5])"},
                                {"3", "max([1,2,3])"},
                                {"2", "Point(2, 3)"},
                                {"10", "sum(range(5))"},
                                {"5", "{5: 1}"},
                                {"1", "True"},
                                {"5", "Eq(x, 6)"},
                                {"5", "None"},
                                {"5", "nan"},
                                {"5", "[5, 5]"},
                                {"5", "(5,)  # or 6"}};
  CheckAll(equal, "correct");
  CheckNever(unequal, "correct");
}
