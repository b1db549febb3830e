#include "verify/answers/grader.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "schemas/base/error.h"
#include "schemas/base/seed.h"
#include "tests/fakes/shared_data.h"
#include "tests/verify/answers/grader_table.h"

using namespace gradus;

namespace {

// CPU milliseconds; without its bounds, each hostile answer would take minutes or the memory.
constexpr double kAtOnceMs = 500;

constexpr const char* kProblemFiles[] = {"gsm8k_train.jsonl",   "gsm8k_test.jsonl",
                                         "gsm_hard_test.jsonl", "svamp.jsonl",
                                         "aqua_test.jsonl",     "college_math_test.jsonl"};

}  // namespace

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

TEST_CASE("What only comes near an answer is never taken for it") {
  const AnswerPair pairs[] = {{"5", "no 5"},
                              {"5", "never 5"},
                              {"5", "nearly 5"},
                              {"5", "5 at most"},
                              {"5", "a third of 5"},
                              {"5", "quarter of 5"},
                              {"5", "5 and a half"},
                              {"5", "minus five"},
                              {"5", "5 below zero"},
                              {"5", "5 under par"},
                              {"5", "5 short"},
                              {"5", "short of 5"},
                              {"5", "5 each for 3 people"},
                              {"15", "5 each for 3 people"},
                              {"12", "3 by 4"},
                              {"12", "3 x 4 matrix"},
                              {"12", "3 \\text{ minus } 4"},
                              {"12", "3 \\text{ and } 4"},
                              {"7", "3 \\text{ and } 4"},
                              {"12", "3 \\text{ or } 4"},
                              {"3", "3 \\text{ or } 4"},
                              {"12", "3 \\text{ choose } 4"},
                              {"5x", "x \\text{ less than } 5"},
                              {"5x", "x \\text{ at least } 5"},
                              {"6", "2 \\text{ per } 3"},
                              {"2/3", "2 in 5"},
                              {"5", "5 \\text{ is false}"},
                              {"5", "5 \\text{ (no)}"},
                              {"5", "5 \\text{ or not}"},
                              {"5", "5, not 6"},
                              {"5", "5 instead of 6"},
                              {"5", "6 instead of 5"},
                              {"5", "anything else than 5"},
                              {"5", "5 -- wrong"},
                              {"5", "5 ???"},
                              {"5", "!5"},
                              {"5", "5 ± 1"},
                              {"5", "5+"},
                              {"5", "5-"},
                              {"5", ">5"},
                              {"5", "<5"},
                              {"5", "≥5"},
                              {"5", "≠5"},
                              {"5", "x≠5"},
                              {"5", "5 or more"},
                              {"5", "5th"},
                              {"5", "5 out of 6"},
                              {"5", "5 of 6"},
                              {"5", "1 out of 5"},
                              {"5", "5:1"},
                              {"5", "5 to 1"},
                              {"60", "1 hour 60 minutes"},
                              {"90", "1 hour 30 minutes"},
                              {"1", "1 hour 30 minutes"},
                              {"30", "1 hour 30 minutes"},
                              {"2 m", "2 cm"},
                              {"5 \\text{ feet}", "5 \\text{ feet } 6 \\text{ inches}"},
                              {"6 \\text{ inches}", "5 \\text{ feet } 6 \\text{ inches}"},
                              {"180", "3 hours"},
                              {"3", "3 hours 1 minute"},
                              {"\\$2", "\\$2 million"},
                              {"2", "2 million"},
                              {"\\$5", "5%"},
                              {"5", "5 per hour 3"},
                              {"100", "100 percent off"},
                              {"12 hours", "12:00"},
                              {"10", "10 bps"},
                              {"5", "5 minutes to 6"},
                              {"30", "half past 30"},
                              {"A", "A, B, C, D"},
                              {"A", "(A), (B)"},
                              {"B", "B/C"},
                              {"B", "B & C"},
                              {"B", "B and D"},
                              {"C", "C?  D."},
                              {"D", "A) 1 B) 2 C) 3 D) 4"},
                              {"A", "A) 1 B) 2"},
                              {"A", "All of the above except A"},
                              {"E", "none of A, B, C, D, E"},
                              {"B", "It is either A or B"},
                              {"B", "A is right, B is wrong"},
                              {"B", "cannot be B"},
                              {"A", "Answer: not A"},
                              {"C", "The answer is not C"},
                              {"C", "C is incorrect"},
                              {"B", "Not (B)"},
                              {"a", "not a"},
                              {"2012", "2020-03-05"},
                              {"25", "2030-3-2"},
                              {"2020", "2020/03/05"},
                              {"5", "5 March"},
                              {"3", "March 3"},
                              {"12", "12/25/2023"},
                              {"12", "12:30"},
                              {"30", "12:30"},
                              {"0.4", "12:30"},
                              {"15", "3:30 PM"},
                              {"3", "3 PM"},
                              {"(1,2)", "[1,2]"},
                              {"[1,2]", "(1,2)"},
                              {"1,2", "1,3"},
                              {"(1,2,3)", "(1,2)"},
                              {"{1,2}", "{1,2,3}"},
                              {"1,2,2", "1,2"},
                              {"12", "1,2"},
                              {"3", "1+2, 3"},
                              {"6", "1,2,3"},
                              {"x=1,y=2", "x=2,y=1"},
                              {"x=1,y=2", "x=1"},
                              {"(1,2)", "1"},
                              {"1000", "1,0,0,0"},
                              {"1234", "12,34"},
                              {"100", "1,00"},
                              {"0", "()"},
                              {"1", "(1,1)"},
                              {"2", "(1,1)"},
                              {"5", "5 = 6"},
                              {"6", "5 = 6"},
                              {"x=5", "x=5, x=6"},
                              {"5", "x=5, x=6"},
                              {"y=x", "x=y+1"},
                              {"x^2=4", "x=2"},
                              {"x=2", "x^2=4"},
                              {"y=x^2", "y=x^2, x>0"},
                              {"x>2", "x>2 or x<-2"},
                              {"x>2", "2"},
                              {"x=3", "x\\approx 3.1"},
                              {"3", "x>3"},
                              {"5", "y=5x"},
                              {"3", "3 \\pmod 7 + 1"},
                              {"3", "10 \\pmod{3}"},
                              {"7", "3 \\pmod 7"},
                              {"21", "3 \\pmod 7"},
                              {"120", "5!!"},
                              {"15", "5!"},
                              {"30", "10C3"},
                              {"13", "10C3"},
                              {"5", "1A_{16}"},
                              {"1010", "1010_2"},
                              {"10", "1010"},
                              {"x", "|x|"},
                              {"x^2", "|x|x"},
                              {"\\sqrt{x}", "x^{1/3}"},
                              {"n", "|n|"},
                              {"n^2+n+41", "n^2+n+42"},
                              {"2^n", "n^2"},
                              {"\\sin x", "x"},
                              {"e^x", "1+x+x^2/2"},
                              {"x^2+C", "x^2-C^2"},
                              {"\\arcsin(\\sin x)", "x"},
                              {"\\sqrt{(x-1)^2}", "x-1"},
                              {"\\sqrt{(x-100)^2}", "100-x"},
                              {"\\operatorname{round}(x)", "x"},
                              {"x \\bmod 10", "x"},
                              {"\\max(a,b)", "a"},
                              {"\\lfloor n/2\\rfloor", "n/2"},
                              {"(-1)^{n(n-1)/2}", "1"},
                              {"\\sum_{k=1}^n k", "\\frac{n^2}{2}"},
                              {"\\gcd(n,2)", "1"},
                              {"n^{17}+9", "n^{17}"},
                              {"0.333", "1/3"},
                              {"3.14", "22/7"},
                              {"1", "0.9999999"},
                              {"2", "1.9999999999999998"},
                              {"10^{-20}", "0"},
                              {"1e16", "10000000000000001"},
                              {"0.1", "0.10000000001"},
                              {"1/3", "0.3"},
                              {"1/3", "0.33"},
                              {"1/3", "0.3334"},
                              {"100", "1e3"},
                              {"3/4", "4/3"},
                              {"3 1/2", "31/2"},
                              {"7/2", "3 2/1"},
                              {"1.234", "1,234"},
                              {"1234", "1.234"},
                              {"0.5", ".05"},
                              {"5", "{\"answer\": 5, \"confidence\": 0.2}"},
                              {"5", "lambda x: 5"},
                              {"5", "5; DROP TABLE"},
                              {"5", "'5' + '6'"},
                              {"5", "f(5)"},
                              {"5", "[5, None]"},
                              {"5", "range(5)"},
                              {"5", "5j"},
                              {"5", "5 if True else 6"},
                              {"1", "True"},
                              {"0", "None"},
                              {"0", "[]"},
                              {"2", "Matrix([[2, 0]])"},
                              {"x", "Symbol(\"y\")"},
                              {"\\text{odd}", "\\text{not odd}"},
                              {"\\text{yes}", "\\text{no}"},
                              {"\\text{acute}", "\\text{not acute}"},
                              {"\\text{blue}", "\\text{red or blue}"},
                              {"\\text{red}", "\\text{reddish}"},
                              {"\\text{north}", "northeast"},
                              {"\\text{convex}", "non-convex"},
                              {"\\text{rational}", "irrational"},
                              {"\\text{continuous}", "discontinuous"},
                              {"\\text{no solution}", "infinitely many solutions"},
                              {"\\text{increasing}", "strictly not increasing"},
                              {"\\varnothing", "\\{0\\}"},
                              {"\\text{possible}", "impossible"},
                              {"\\text{True}", "Not True"},
                              {"正确", "错误"},
                              {"5", "答案不是5"},
                              {"5", "不等于5"},
                              {"(1,2),(3,4)", "(1,4),(3,2)"},
                              {"(1,2)", "(1,2,0)"},
                              {"1,2", "1;3"},
                              {"a,b", "ab"},
                              {"\\$5", "£5"},
                              {"\\$100", "100 cents"},
                              {"1 km", "1 m"},
                              {"45^\\circ", "45 \\text{ radians}"},
                              {"4 \\text{ boys}", "4 \\text{ girls}"},
                              {"3:30", "15:31"},
                              {"3:30", "4:30"},
                              {"March 5", "May 3"},
                              {"2020-03-05", "2020-05-03"},
                              {"3:4", "4:3"},
                              {"f(x)=x^2", "f(x)=x^3"},
                              {"x+y=3, x-y=1", "x=1, y=2"},
                              {"y=2", "x=2"},
                              {"5", "x=2+3=6"},
                              {"x^2+y^2=25", "x^2+y^2=-25"},
                              {"2½", "2/2"},
                              {"0.5", "5"},
                              {"12", "21"},
                              {"1/3", "0.3"},
                              {"10^3", "10^4"},
                              {"1000000000000000000000", "1000000000000000000001"},
                              {"3", "3.0000001"},
                              {"2n", "2n+1"},
                              {"5", "Integer(6)"},
                              {"2", "Point2D(2, 2)"},
                              {"5", "datetime.timedelta(days=5)"},
                              {"5", "<class 5>"},
                              {"5", "[5, 6][0]"},
                              {"4", "len(\"four\")"},
                              {"3", "dict_values([1, 2])"},
                              {"|x-3|", "x-3"},
                              {"\\max(x,3)", "x"},
                              {"\\max(x,3)", "3"},
                              {"\\sqrt{x^2}", "-x"},
                              {"\\ln x", "\\frac12\\ln x^2"},
                              {"x", "\\sqrt{x}^2"},
                              {"|a-b|", "a-b"},
                              {"n!", "(n+1)!"},
                              {"\\frac{x}{|x|}", "1"},
                              {"y=|x+5|", "y=x+5"},
                              {"Cx", "x+C"},
                              {"x", "x+10^{-50}"},
                              {"\\sin x", "\\sin(x+10^{-20})"},
                              {"\\lfloor x \\rfloor", "x"},
                              {"(C) 12", "B"},
                              {"(C) 12", "13"},
                              {"B", "ABC"},
                              {"\\text{none}", "all"},
                              {"0.5", "0.6 (or 1/2)"}};
  CheckNever(pairs, "correct");
}

TEST_CASE("What says the same in other words or signs is taken") {
  const AnswerPair pairs[] = {
      {"-5", "minus five"},
      {"-1", "3 \\text{ minus } 4"},
      {"12", "3 \\text{ times } 4"},
      {"3:00 PM", "3 PM"},
      {"2/3", "0.6667"},
      {"x^2+1", "Poly(x**2 + 1, x, domain='ZZ')"},
      {"5", "5 people"},
      {"5", "5 men"},
      {"7", "seven"},
      {"1000000", "one million"},
      {"0.25", "25%"},
      {"\\frac{1}{2}", "½"},
      {"3/2", "1½"},
      {"5", "  5  "},
      {"(0,1)", "(0,1)"},
      {"\\{-2,2\\}", "x=\\pm2"},
      {"-2,2", "\\pm 2"},
      {"2\\sqrt{3}", "√12"},
      {"\\sqrt{a}\\sqrt{b}", "\\sqrt{ab}"},
      {"12", "a dozen"},
      {"6", "half a dozen"},
      {"42", "forty-two"},
      {"1/4", "a quarter"},
      {"4/5", "four fifths"},
      {"80%", "four fifths"},
      {"5 \\text{ km}", "5 kilometers"},
      {"5 \\text{ m/s}", "5 meters per second"},
      {"\\$5", "$5.00"},
      {"10 \\text{ cm}^2", "10 cm²"},
      {"3", "3 units"},
      {"2,4", "2 and 4"},
      {"x=2", "2"},
      {"12", "12."},
      {"12", "$12$"},
      {"12", "**12**"},
      {"a+b", "b+a"},
      {"5", "5 \\text{ apples}"},
      {"14", "14 days"},
      {"2 weeks", "14 days"},
      {"y=2x", "2x"},
      {"3\\sqrt2", "3*sqrt(2)"},
      {"72", "72 miles"},
      {"5", "x \\equiv 5 (mod 7)"},
      {"35", "\\binom{7}{3}"},
      {"35", "7C4"},
      {"35", "{7 \\choose 3}"},
      {"210", "P(7,3)"},
      {"x \\equiv 3 \\pmod 7", "x=3 \\pmod 7"},
      {"x\\equiv3\\pmod7", "x \\equiv 10 \\pmod 7"},
      {"3", "3 \\bmod 7"},
      {"1A_{16}", "1a_{16}"},
      {"\\frac{10!}{3!7!}", "120"},
      {"2≤x≤3", "2\\le x\\le 3"},
      {"x∈[1,2]", "[1,2]"},
      {"∅", "\\emptyset"},
      {"1～2", "1～2"},
      {"10", "１０"},
      {"3/4", "３／４"},
      {"(1,2)", "（1,2）"},
      {"2×3", "6"},
      {"√2", "\\sqrt2"},
      {"5", "5。"},
      {"5", "答案是：5"},
      {"错误", "错误"},
      {"\\{1,2\\}", "1,2"},
      {"1,2,3", "1, 2, and 3"},
      {"(1,2),(3,4)", "(3,4),(1,2)"},
      {"(1,2,3)", "x=1,y=2,z=3"},
      {"\\langle 1,2\\rangle", "(1,2)"},
      {"\\vec{i}+2\\vec{j}", "\\langle 1,2\\rangle"},
      {"1,1,2", "1,2,1"},
      {"\\$5", "5 \\text{ dollars}"},
      {"5 \\text{ USD}", "\\$5"},
      {"100 \\text{ cents}", "\\$1"},
      {"5", "5 \\text{ cm}"},
      {"5 \\text{ cm}", "5 centimeters"},
      {"5\\text{ m}", "500\\text{ cm}"},
      {"1 \\text{ km}", "1000 m"},
      {"45^\\circ", "45 degrees"},
      {"\\pi", "180^\\circ"},
      {"25^\\circ C", "25°C"},
      {"4 \\text{ people}", "4"},
      {"5 km/h", "5 kilometers per hour"},
      {"30 square units", "30 \\text{ units}^2"},
      {"20", "20 square meters"},
      {"3 \\text{ hours}", "180 \\text{ min}"},
      {"5 lb", "5 pounds"},
      {"1 m^2", "10000 cm^2"},
      {"15:30", "3:30 PM"},
      {"3:05", "03:05"},
      {"March 5, 2020", "2020-03-05"},
      {"5 March 2020", "March 5, 2020"},
      {"12:00", "12:00 PM"},
      {"3:4", "6:8"},
      {"y=2x+1", "y-1=2x"},
      {"x=1 or x=2", "x=2, x=1"},
      {"f(x)=3x", "3x"},
      {"f(x)=3x", "y=3x"},
      {"g(t)=t^2", "g(x)=x^2"},
      {"y=\\frac{x}{2}", "2y=x"},
      {"5", "x=2+3=5"},
      {"\\frac{3}{4}", ".75"},
      {"1{,}000", "1000"},
      {"1,000.5", "1000.5"},
      {"-0.5", "-\\frac12"},
      {"1/7", "0.\\overline{142857}"},
      {"0.1\\overline{6}", "1/6"},
      {"22/7", "3 1/7"},
      {"1e-3", "0.001"},
      {"10^6", "1,000,000"},
      {"1000000", "1 000 000"},
      {"1.5", "1½"},
      {"12", "012"},
      {"0.50", "0.5"},
      {"0.12", "12%"},
      {"1/8", "12.5%"},
      {"5×10^3", "5000"},
      {"10^{-2}", "0.01"},
      {"6.02e23", "6.02 \\times 10^{23}"},
      {"0", "-0"},
      {"0", "0.000"},
      {"1", "1.0"},
      {"2", "\\sqrt{4}"},
      {"4", "2^2"},
      {"\\frac{7}{3}", "2\\frac{1}{3}"},
      {"6k", "6k, k \\in \\mathbb{Z}"},
      {"n^2", "n^2 for all n"},
      {"\\frac{n(n+1)}{2}", "\\sum_{k=1}^n k"},
      {"2.5\\times10^{-3}", "0.0025"},
      {"\\pm 8", "-8, 8"},
      {"2^{n}", "2\\cdot 2^{n-1}"},
      {"\\frac{\\pi}{6}+2k\\pi, k\\in\\mathbb{Z}", "\\frac{13\\pi}{6}+2k\\pi, k\\in\\mathbb{Z}"},
      {"1/2", "Rational(1,2)"},
      {"1,2", "{1, 2}"},
      {"x>3", "3 < x"},
      {"x>3", "(x > 3) & (x < oo)"},
      {"\\{1,2\\}", "{2, 1}"},
      {"2i", "2*I"},
      {"\\pi/2", "pi/2"},
      {"3", "3.0"},
      {"0.5", "1/2"},
      {"\\mathbb{R}", "Reals"},
      {"(-\\infty,\\infty)", "Interval(-oo, oo)"},
      {"[1,2]", "Interval(1, 2)"},
      {"x^2", "x**2"},
      {"\\begin{pmatrix}1&2\\end{pmatrix}", "Matrix([[1, 2]])"},
      {"\\sqrt{2}", "sqrt(2)"},
      {"1,2", "dict_keys([1, 2])"},
      {"\\arcsin x", "\\sin^{-1} x"},
      {"\\sec x", "\\frac{1}{\\cos x}"},
      {"|x-3|", "|3-x|"},
      {"\\max(x,y)", "\\max(y,x)"},
      {"x^{1/2}", "\\sqrt{x}"},
      {"n!", "n(n-1)!"},
      {"(n+1)!", "(n+1)n!"},
      {"x+C", "x+c"},
      {"1-(-1)^n", "1+(-1)^{n+1}"},
      {"B", "(b)"},
      {"B", "B)"},
      {"B", "\\textbf{B}"},
      {"B", "Answer: B"},
      {"(C) 12", "C"},
      {"(C) 12", "12"},
      {"\\text{True}", "true"},
      {"\\text{yes}", "YES"},
      {"\\text{no real solution}", "no solution"},
      {"\\text{infinitely many}", "infinitely many solutions"},
      {"\\text{south}", "southward"},
      {"all real numbers", "\\mathbb{R}"},
      {"\\text{none}", "\\emptyset"},
      {"\\text{decreasing}", "Decreasing."},
      {"5", "5 (exactly)"},
      {"12", "12 (in cm)"},
      {"0.5", "0.5 (or 1/2)"},
      {"2\\pi", "2\\pi \\text{ (radians)}"},
      {"k", "k \\text{ for any integer } k"},
      {"3:2", "3 \\text{ to } 2"},
      {"2/5", "2 out of 5"},
      {"10", "10 EUR"},
      {"10", "10 km/h"},
      {"7", "7 °F"},
      {"x=5", "x=5 \\text{ cm}"}};
  CheckAll(pairs, "correct");
}

TEST_CASE("What cannot be decided is unverifiable, never wrong") {
  const AnswerPair pairs[] = {
      {"", "5"},
      {"1", "1/0"},
      {"1", "0^0"},
      {"1", "1e999999999"},
      {"1", "__import__('os').getpid()"},
      {"9^{9^{9^{9}}}", "8^{9^{9^{9}}}"},
      {"Only the second one is a basis.", "2"},
      {"\\lim_{x \\to 0} x", "0"},
  };
  CheckAll(pairs, "unverifiable");
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

TEST_CASE("Modes have names, and other names are refused") {
  for (GraderMode mode :
       {GraderMode::kStrict, GraderMode::kRstarMath, GraderMode::kTora, GraderMode::kHendrycks}) {
    CHECK(ReadGraderMode(ToString(mode)) == mode);
  }
  CHECK_THROWS_AS(ReadGraderMode("lenient"), Error);
}

TEST_CASE("Hostile answers end at once and are never correct") {
  const int n = 100000;
  const std::vector<std::string> answers = {
      Repeated("9", n),
      Repeated("(", n),
      Repeated("{", n) + "1" + Repeated("}", n),
      Repeated("\\frac{", n / 6),
      Repeated("-", n) + "1",
      Repeated("1+", n / 2) + "1",
      Repeated("9^", n / 2) + "9",
      Repeated("\\boxed{", n / 7),
      "\\boxed{" + Repeated("{", n),
      Repeated("1,", n / 2),
      Repeated("\\text{", n / 6),
      Repeated("$", n),
      "1e" + Repeated("9", n),
      "0." + Repeated("0", n) + "1",
      Repeated("\\", n),
      Repeated("\xC3", n),
      Repeated("\\left(", n / 6),
      Repeated("\\sqrt{", n / 6),
      Repeated("999^{9999}*", 100) + "1",
      Repeated("1.", n / 2),
      Repeated("\\boxed{}", n / 8),
      Repeated("\\boxed{2},", n / 10),
      Repeated("```", n / 3),
      Repeated("answer is ", n / 10),
      Repeated("1\\frac{", 500) + "1" + Repeated("}{2}", 500),
      Repeated("\\sum_{k=0}^{999}", 30) + "k",
      Repeated("(1000!)^{1000}", 100),
      Repeated("x^{", 300) + "x" + Repeated("}", 300),
      "(" + Repeated("sin(x)+", 250) + "1)^{" + Repeated("cos(y)+", 250) + "1}",
      Repeated("\\{1,2,3\\},", 150) + "1",
      Repeated("2^{", 12) + "2" + Repeated("}", 12),
      Repeated("\\pm 1 ", 200),
      Repeated("|", 1000),
      Repeated("'", 1000),
      "f" + Repeated("'", 1000),
      Repeated("\\begin{pmatrix}", 500),
      Repeated("\\begin{pmatrix}x&y\\\\y&x\\end{pmatrix}", 60),
      Repeated("\\begin{pmatrix}x&y\\\\y&x\\end{pmatrix}^{8}", 30),
      Repeated("x_{", 300) + "1" + Repeated("}", 300),
  };
  for (const std::string& answer : answers) {
    CAPTURE(answer.substr(0, 20));
    CHECK(CpuMilliseconds([&] { Grade("7", answer); }) < kAtOnceMs);
    CHECK(CpuMilliseconds([&] { Grade(answer, "7"); }) < kAtOnceMs);
    CHECK(CpuMilliseconds([&] { GoldProblem(ReadGold(answer)); }) < kAtOnceMs);
    CHECK(CpuMilliseconds([&] { ExtractAnswer(answer); }) < kAtOnceMs);
    CHECK(Grade("7", answer).verdict != Verdict::kCorrect);
  }
}

TEST_CASE("Bytes that are no text are read without harm") {
  Random random(3);
  for (int i = 0; i < 2000; ++i) {
    std::string a, b;
    for (std::uint64_t k = random.Below(40); k > 0; --k) a += static_cast<char>(random.Below(256));
    for (std::uint64_t k = random.Below(40); k > 0; --k) b += static_cast<char>(random.Below(256));
    CHECK(!Grade(a, b).reason.empty());
    ExtractAnswer(a);
  }
}

TEST_CASE("Every gold of the problem files equals itself" * doctest::test_suite("needs data")) {
  for (const char* name : kProblemFiles) {
    int golds = 0, unreadable = 0, unequal = 0;
    for (const std::string& line : SharedLinesOrSkip(name)) {
      const std::string answer = nlohmann::json::parse(line)["answer"];
      const GoldAnswer gold = ReadGold(answer);
      ++golds;
      CHECK(GradeNatively(gold, answer).judgement.verdict == Verdict::kCorrect);
      const std::string problem = GoldProblem(gold);
      if (problem == "unreadable" || problem == "prose") ++unreadable;
      if (problem == "differs from itself" || problem == "empty") {
        ++unequal;
        MESSAGE(std::string(name), ": ", problem, ": ", answer.substr(0, 100));
      }
    }
    MESSAGE(std::string(name), ": ", golds, " golds, ", unreadable, " unreadable, ", unequal,
            " not equal to themselves");
    CHECK(unequal == 0);
  }
}
