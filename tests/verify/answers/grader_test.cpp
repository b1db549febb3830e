#include "verify/answers/grader.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "schemas/base/error.h"
#include "schemas/base/seed.h"
#include "tests/verify/answers/grader_table.h"
#include "verify/answers/golden_set.h"

using namespace gradus;

namespace {

std::string VerdictOf(const std::string& gold, const std::string& predicted) {
  return ToString(Grade(gold, predicted).verdict);
}

template <std::size_t N>
void CheckAll(const AnswerPair (&pairs)[N], const std::string& verdict) {
  for (const AnswerPair& pair : pairs) {
    CAPTURE(std::string(pair.gold));
    CAPTURE(std::string(pair.predicted));
    CAPTURE(Grade(pair.gold, pair.predicted).reason);
    CHECK(VerdictOf(pair.gold, pair.predicted) == verdict);
  }
}

}  // namespace

TEST_CASE("A number is equal to itself in every spelling") {
  const AnswerPair pairs[] = {
      {"18", " 18.0 "},
      {"18", "$18$."},
      {"18", "\\$18.00"},
      {"18", "$18 dollars"},
      {"18", "**18**"},
      {"-3", "\u22123"},
      {"1000", "1,000"},
      {"1,234,567.5", "1234567.5"},
      {"10000", "10{,}000"},
      {"10000", "10,\\!000"},
      {"0.5", "\\frac{1}{2}"},
      {"\\dfrac{1}{2}", "\\tfrac12"},
      {"-\\frac{1}{2}", "\\frac{-1}{2}"},
      {"\\boxed{\\frac{2}{4}}", "$\\frac{1}{2}$"},
      {"7 3/4", "7.75"},
      {"-2\\frac{1}{2}", "-2.5"},
      {"1500", "1.5e3"},
      {"0.00015", "1.5 \\cdot 10^{-4}"},
      {"1/8", "2^{-3}"},
      {"3", "\\sqrt{9}"},
      {"-2", "\\sqrt[3]{-8}"},
      {"3 million", "3000000"},
      {"60", "59.99999999999999"},
      {"0.3", "0.30000000000000004"},
      {"1/3", "0.\\overline{3}"},
      {"120", "5!"},
      {"10", "\\binom{5}{2}"},
      {"5", "\\sqrt{25 + x - x}"},
      {"2", "\\log_3 9"},
      {"7", "seven"},
      {"\\infty", "oo"},
      {"\\frac{3}{4}", "Rational(3, 4)"},
  };
  CheckAll(pairs, "correct");
}

TEST_CASE("Different numbers are wrong, however near") {
  const AnswerPair pairs[] = {
      {"18", "19"},
      {"18", "-18"},
      {"10000", "9998"},
      {"0.5", "50"},
      {"50\\%", "5"},
      {"7 3/4", "73/4"},
      {"60", "59.9999"},
      {"123456789012345678901", "123456789012345678902"},
      {"2^{99}", "2^{98}"},
      {"0", "0.0000001"},
      {"5", ""},
      {"5", "$ $"},
      {"1,234", "1.234"},
      {"2", "2 \\pi"},
      {"2", "2x"},
      {"1", "9^{9^{9^{9}}}"},
      {"\\sqrt{2}", "\\sqrt{2.0000001}"},
      {"\\pi", "3.1417"},
  };
  CheckAll(pairs, "wrong");
  CHECK(Grade("5", "").reason == "no-answer");
}

TEST_CASE("Decimals are judged to the digits they show, at least four") {
  const AnswerPair correct[] = {{"\\pi", "3.14159"},        {"\\frac{2}{3}", "0.6667"},
                                {"\\frac{2}{3}", "0.6666"}, {"1234.5", "1234.51"},
                                {"\\sqrt{2}", "1.41421"},   {"4242.6", "3000\\sqrt{2}"}};
  const AnswerPair wrong[] = {{"\\pi", "3.14169"},
                              {"\\frac{2}{3}", "0.6665"},
                              {"1234.5", "1234.56"},
                              {"16386.16", "16386.17"},
                              {"\\frac{1}{3}", "0.4"}};
  const AnswerPair open[] = {
      {"\\pi", "3.14"}, {"3.14", "\\pi"}, {"\\frac{1}{3}", "0.33"}, {"1234.56", "1234.6"}};
  CheckAll(correct, "correct");
  CheckAll(wrong, "wrong");
  CheckAll(open, "unverifiable");
}

TEST_CASE("A percent sign is N or N/100; a unit counts only when both sides name one") {
  const AnswerPair correct[] = {
      {"50\\%", "50"},
      {"50\\%", "0.5"},
      {"50%", "50 percent"},
      {"0.5", "50\\%"},
      {"5", "5 \\text{ cm}"},
      {"5 \\text{ cm}", "5 cm"},
      {"5 \\text{ cm}^2", "5 cm^2"},
      {"5 \\text{ meters}", "5 m"},
      {"90^\\circ", "90"},
      {"90^{\\circ}", "90 degrees"},
      {"90^{\\circ}", "\\frac{\\pi}{2}"},
      {"3.6 hours", "3.6"},
      {"27 \\mathrm{~min}", "27 minutes"},
      {"100 km/h", "100 \\text{ km/h}"},
      {"\\text{6 people}", "6"},
      {"12 \\text{ units}", "12 \\text{ cm}"},
      {"17 \\text{ m}^2", "17 square meters"},
      {"\\cos 60^\\circ", "0.5"},
  };
  CheckAll(correct, "correct");
  const AnswerPair open[] = {{"5 \\text{ m}", "500 \\text{ cm}"}, {"5 \\text{ m}", "5 \\text{ s}"}};
  CheckAll(open, "unverifiable");
  CHECK(VerdictOf("50\\%", "51") == "wrong");
  CHECK(VerdictOf("5 \\text{ cm}", "6") == "wrong");
}

TEST_CASE("Expressions are equal when their values are") {
  const AnswerPair correct[] = {
      {"x^{2}+1", "1 + x**2"},
      {"(x+1)^2", "x^2+2x+1"},
      {"\\frac{1}{x+1} + \\frac{1}{x-1}", "\\frac{2x}{x^2-1}"},
      {"\\sin 2x", "2 \\sin x \\cos x"},
      {"\\ln(x^2)", "2\\ln x"},
      {"\\sqrt{a}\\sqrt{b}", "\\sqrt{ab}"},
      {"|x|", "\\sqrt{x^2}"},
      {"e^{2x}", "exp(2*x)"},
      {"\\frac{x^{2/3}}{3}", "\\frac{1}{3}\\sqrt[3]{x}^2"},
      {"6xyz", "6 z x y"},
      {"2abc", "2cab"},
      {"n!", "n (n-1)!"},
      {"a_{n+1}", "a_{1+n}"},
      {"\\sum_{k=1}^{n} k", "\\frac{n(n+1)}{2}"},
      {"2\\pi r", "2rpi"},
      {"2+3i", "3*I + 2"},
      {"\\sqrt{5+2\\sqrt{6}}", "\\sqrt{2}+\\sqrt{3}"},
  };
  const AnswerPair wrong[] = {
      {"\\sin^2 x", "\\sin x^2"},
      {"\\sqrt{x^2}", "x"},
      {"x+2n", "x"},
      {"a_{n+1}", "a_{n}"},
      {"\\ln 2x", "2 \\ln x"},
      {"f(x+1)", "f(x)"},
      {"\\frac{1}{x}", "-\\frac{1}{x}"},
  };
  CheckAll(correct, "correct");
  CheckAll(wrong, "wrong");
}

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

TEST_CASE("Choices and words ignore case and brackets") {
  const AnswerPair correct[] = {{"B", "(b)"},
                                {"B", "\\text{(B)}"},
                                {"B", "B) 25"},
                                {"B", "The answer is B."},
                                {"\\textbf{(C) } 15", "C"},
                                {"\\textbf{(C) } 15", "15"},
                                {"blue", "The color is blue"},
                                {"Evelyn", "\\text{evelyn}"},
                                {"\\text{Even}", "$Even$"},
                                {"e", "\\text{e}"}};
  const AnswerPair wrong[] = {{"B", "C"}, {"B", "(D)"}, {"\\text{no}", "yes"}, {"odd", "oddd"}};
  CheckAll(correct, "correct");
  CheckAll(wrong, "wrong");
  CHECK(VerdictOf("B", "25") == "unverifiable");
}

TEST_CASE("What cannot be decided is unverifiable, never wrong") {
  const AnswerPair pairs[] = {
      {"", "5"},
      {"1", "1/0"},
      {"1", "0^0"},
      {"1", "1e999999999"},
      {"1", "__import__('os').getpid()"},
      {"12", "1 2"},
      {"9^{9^{9^{9}}}", "8^{9^{9^{9}}}"},
      {"Only the second one is a basis.", "2"},
      {"\\lim_{x \\to 0} x", "0"},
  };
  CheckAll(pairs, "unverifiable");
}

TEST_CASE("Issuers may widen the tolerance") {
  Tolerance digits;
  digits.round_digits = 2;
  CHECK(Grade("0.29", "0.290243", {GraderMode::kStrict, digits}).verdict == Verdict::kCorrect);
  CHECK(Grade("0.29", "0.296", {GraderMode::kStrict, digits}).verdict != Verdict::kCorrect);
  Tolerance absolute;
  absolute.absolute = {10, 0.001};
  CHECK(Grade("700, 0.002", "0.001, 705", {GraderMode::kStrict, absolute}).verdict ==
        Verdict::kCorrect);
}

TEST_CASE("Comparison of numbers does not depend on the side") {
  const char* answers[] = {"18",    "1/2",   "0.5",    "-3",           "50",    "\\sqrt{2}", "2x",
                           "7 3/4", "1,000", "2^{10}", "\\frac{1}{3}", "(1,2)", "\\{1,2\\}"};
  for (const char* a : answers) {
    for (const char* b : answers) {
      CAPTURE(std::string(a));
      CAPTURE(std::string(b));
      CHECK((Grade(a, b).verdict == Verdict::kCorrect) ==
            (Grade(b, a).verdict == Verdict::kCorrect));
    }
  }
}

TEST_CASE("A random polynomial equals its rearrangement and no other polynomial") {
  Random random(7);
  for (int i = 0; i < 200; ++i) {
    const auto a = std::to_string(random.Below(19) + 1), b = std::to_string(random.Below(19) + 1);
    const auto c = std::to_string(random.Below(19) + 1);
    const std::string gold = a + "x^2+" + b + "x+" + c;
    CHECK(VerdictOf(gold, c + " + x(" + b + " + " + a + "*x)") == "correct");
    CHECK(VerdictOf(gold, "\\frac{" + a + "x^3+" + b + "x^{2}+" + c + "x}{x}") == "correct");
    CHECK(VerdictOf(gold, a + "x^2+" + b + "x+" + c + "1") == "wrong");
    CHECK(VerdictOf(gold, a + "x^2-" + b + "x+" + c) == "wrong");
  }
}

TEST_CASE("A random fraction equals its decimal expansion and its mixed form only") {
  Random random(11);
  for (int i = 0; i < 200; ++i) {
    const std::uint64_t whole = random.Below(50) + 1, bottom = random.Below(30) + 2;
    const std::uint64_t top = random.Below(bottom - 1) + 1;
    const std::string improper =
        std::to_string(whole * bottom + top) + "/" + std::to_string(bottom);
    const std::string fraction =
        "\\frac{" + std::to_string(top) + "}{" + std::to_string(bottom) + "}";
    CHECK(VerdictOf(improper, std::to_string(whole) + fraction) == "correct");
    CHECK(VerdictOf(improper, "-" + std::to_string(whole) + fraction) == "wrong");
    CHECK(VerdictOf(improper, std::to_string(whole + 1) + fraction) == "wrong");
  }
}

TEST_CASE("Golds are read once, equal themselves, and say when they are of no use") {
  for (const char* good : {"5", "\\frac{1}{2}", "(1,2)", "x=3", "[0,1)", "A", "\\text{Monday}",
                           "x^2+1", "x>3", "\\begin{pmatrix}1\\\\2\\end{pmatrix}", "12:30"}) {
    CAPTURE(std::string(good));
    CHECK(GoldProblem(ReadGold(good)) == "");
  }
  CHECK(GoldProblem(ReadGold("")) == "empty");
  CHECK(GoldProblem(ReadGold("$ $")) == "empty");
  CHECK(GoldProblem(ReadGold("The rank of the matrix is the same as saying $x$ spans $y$.")) ==
        "prose");
  CHECK(GoldProblem(ReadGold("radius: 1, center: $(2,3)$")) != "");
  CHECK(GoldProblem(ReadGold("1/0")) == "");
}

TEST_CASE("The golden set holds") { CHECK(CheckGrader().value_or("") == ""); }

TEST_CASE("Modes have names, and other names are refused") {
  for (GraderMode mode :
       {GraderMode::kStrict, GraderMode::kRstarMath, GraderMode::kTora, GraderMode::kHendrycks}) {
    CHECK(ReadGraderMode(ToString(mode)) == mode);
  }
  CHECK_THROWS_AS(ReadGraderMode("lenient"), Error);
}

TEST_CASE("The published graders' rules accept and refuse what they are known for") {
  const auto verdict = [](GraderMode mode, const char* gold, const char* predicted) {
    return std::string(ToString(Grade(gold, predicted, {mode, {}}).verdict));
  };
  // The factor-100 rule, and a relative 1e-4.
  CHECK(verdict(GraderMode::kTora, "70", "0.7") == "correct");
  CHECK(verdict(GraderMode::kTora, "10000", "10000.5") == "correct");
  CHECK(verdict(GraderMode::kTora, "10000", "10002") == "wrong");
  CHECK(verdict(GraderMode::kRstarMath, "0.7", "70%") == "correct");
  CHECK(verdict(GraderMode::kRstarMath, "B", "so B") == "correct");
  CHECK(verdict(GraderMode::kRstarMath, "(1,2)", "[1,2]") == "correct");
  CHECK(verdict(GraderMode::kTora, "(1,2)", "[1,2]") == "wrong");
  // Texts only.
  CHECK(verdict(GraderMode::kHendrycks, "\\frac{1}{2}", "\\dfrac12") == "correct");
  CHECK(verdict(GraderMode::kHendrycks, "\\frac{1}{2}", "1/2") == "correct");
  CHECK(verdict(GraderMode::kHendrycks, "\\frac{1}{2}", "0.50") == "wrong");
  CHECK(verdict(GraderMode::kHendrycks, "10", "10\\text{ units}") == "correct");
}
