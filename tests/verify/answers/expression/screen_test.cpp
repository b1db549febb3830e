#include "verify/answers/expression/screen.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <array>

#include "schemas/base/seed.h"
#include "tests/verify/answers/expression/parsed.h"
#include "tests/verify/answers/grader_table.h"
#include "verify/answers/expression/exact.h"

using namespace gradus;

namespace {

constexpr auto kAgree = Screened::kAgree, kDiffer = Screened::kDiffer, kPartly = Screened::kPartly,
               kUnknown = Screened::kUnknown;

// Both ways: evidence has no side.
template <class Screen>
Screened Screened2(const Screen& screen, const std::string& a, const std::string& b) {
  CAPTURE(a);
  CAPTURE(b);
  REQUIRE(Parsed(a));
  REQUIRE(Parsed(b));
  Work work, work_back;
  const Screened there = screen(*Parsed(a), *Parsed(b), work),
                 back = screen(*Parsed(b), *Parsed(a), work_back);
  CHECK(there == back);
  return there;
}
Screened Values(const std::string& a, const std::string& b) {
  return Screened2(ScreenValues, a, b);
}
Screened Relations(const std::string& a, const std::string& b) {
  return Screened2(ScreenRelations, a, b);
}

// A polynomial of x and y as its six coefficients up to degree two, written in two ways.
using Coefficients = std::array<int, 6>;
std::string Written(const Coefficients& c) {
  return fmt::format("({})x^2+({})xy+({})y^2+({})x+({})y+({})", c[0], c[1], c[2], c[3], c[4], c[5]);
}
std::string Nested(const Coefficients& c) {
  return fmt::format("({5})+y(({4})+({2})y)+x(({3})+({1})y+({0})x)", c[0], c[1], c[2], c[3], c[4],
                     c[5]);
}
Coefficients RandomCoefficients(Random& random) {
  Coefficients c;
  for (int& one : c) one = static_cast<int>(random.Below(9)) - 4;
  return c;
}

}  // namespace

TEST_CASE("Polynomials agree exactly when their coefficients do") {
  Random random(1);
  for (int i = 0; i < 300; ++i) {
    const Coefficients a = RandomCoefficients(random);
    CHECK(Values(Written(a), Nested(a)) == kAgree);
    Coefficients b = a;
    b[random.Below(6)] += random.Below(2) == 0 ? 1 : -1;
    CHECK(Values(Written(a), Nested(b)) == kDiffer);
  }
}

TEST_CASE("Numbers agree or differ as their exact values do") {
  Random random(2);
  const auto number = [&] {
    return fmt::format("\\frac{{{}}}{{{}}}", random.Below(30) + 1, random.Below(12) + 1);
  };
  int agree = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::string a = number() + "-" + number(), b = number() + "-" + number();
    const bool same = *ExactValue(*Parsed(a)) == *ExactValue(*Parsed(b));
    CHECK(Values(a, a) != kDiffer);
    // Two numbers that cancel to zero leave nothing sharp to see.
    if (*ExactValue(*Parsed(a)) == 0 || *ExactValue(*Parsed(b)) == 0) continue;
    CHECK(Values(a, b) == (same ? kAgree : kDiffer));
    agree += same;
  }
  CHECK(agree > 0);
}

TEST_CASE("A small difference is a difference, and one of rounding is none") {
  CHECK(Values("\\sqrt{2}", "1.4142135623") == kDiffer);
  CHECK(Values("\\sqrt{2}", "2^{1/2}") == kAgree);
  CHECK(Values("x", "x+0.0000000001") == kDiffer);
  CHECK(Values("\\sqrt{5+2\\sqrt{6}}", "\\sqrt{2}+\\sqrt{3}") == kAgree);
  CHECK(Values("9^{9^{9^9}}", "8^{9^{9^9}}") == kUnknown);
  CHECK(Values("9^{9^{9^9}}", "-9^{9^{9^9}}") == kDiffer);
  CHECK(Values("9^{9^{9^9}}", "5") == kDiffer);
}

TEST_CASE("Real variables decide, complex ones only where there are no real values") {
  CHECK(Values("\\sqrt{x^2}", "x") == kDiffer);
  CHECK(Values("|x|", "\\sqrt{x^2}") == kAgree);
  CHECK(Values("x\\sqrt{-4}", "2ix") == kAgree);
  CHECK(Values("\\sqrt[3]{x^2}", "x^{2/3}") == kAgree);
  // The same on the real line, but not as complex functions with principal branches.
  CHECK(Values("\\sqrt{-1-x^2}", "i\\sqrt{1+x^2}") == kDiffer);
  CHECK(Values("\\sqrt{-1-x^2}", "2i\\sqrt{1+x^2}") == kDiffer);
}

TEST_CASE("Values that are real in different places agree partly") {
  CHECK(Values("\\ln(x^2)", "2\\ln x") == kPartly);
  CHECK(Values("\\sqrt{x}^2", "x") == kPartly);
  CHECK(Values("\\ln x+\\ln y", "\\ln(xy)") == kAgree);  // Parameters are positive.
  CHECK(Values("\\ln x+\\ln 3", "\\ln(3x)") == kAgree);
}

TEST_CASE(
    "A difference anywhere is seen: far out, below zero, at whole numbers, in the last digits") {
  const AnswerPair pairs[] = {{"|x-3|", "3-x"},
                              {"|x-50|", "50-x"},
                              {"|x-2000|", "x-2000"},
                              {"|x+5|", "x+5"},
                              {"|a-b-10|", "10+b-a"},
                              {"\\min(x,5)", "x"},
                              {"\\max(x,0.1)", "x"},
                              {"\\lceil x\\rceil", "\\lfloor x\\rfloor+1"},
                              {"n!", "6+18(n-3)+39(n-3)(n-4)+71(n-3)(n-4)(n-5)"},
                              {"x", "x+10^{-19}"},
                              {"x", "x(1+10^{-300})"}};
  for (const auto& [a, b] : pairs) CHECK(Values(a, b) == kDiffer);
}

TEST_CASE("A comparison ends when its work is done, whatever is left of it, and claims nothing") {
  std::string powers;
  for (int i = 0; i < 20; ++i) powers += "\\sum_{k=1}^{1000}k^x";
  Work work;
  CHECK(ScreenValues(*Parsed(powers), *Parsed(powers + "+0"), work) == kUnknown);
  CHECK(work.left <= 0);
  CHECK(work.left > -100000);
  CHECK(ScreenValues(*Parsed("2x"), *Parsed("x+x"), work) == kUnknown);
}

TEST_CASE("Where nothing can be evaluated nothing is claimed") {
  const AnswerPair unknown[] = {{"1/0", "1/0"},
                                {"1/0", "5"},
                                {"\\frac{1}{x-x}", "\\frac{2}{x-x}"},
                                {"\\sum_{k=0}^{\\infty} \\frac{1}{2^k}", "2"},
                                {"(1,2)", "(1,2)"},
                                {"\\text{word}", "\\text{word}"},
                                {"0^0", "1"}};
  for (const auto& [a, b] : unknown) CHECK(Values(a, b) == kUnknown);
}

TEST_CASE("A relation scaled by a positive number is the same, by a negative one its mirror") {
  Random random(3);
  const std::pair<const char*, const char*> operators[] = {
      {"<", ">"}, {">", "<"}, {"\\le", "\\ge"}, {"\\ge", "\\le"}, {"=", "="}, {"\\ne", "\\ne"}};
  for (int i = 0; i < 120; ++i) {
    const Coefficients a = RandomCoefficients(random);
    if (a[0] == 0 && a[1] == 0 && a[2] == 0 && a[3] == 0 && a[4] == 0) continue;
    const auto& [op, mirror] = operators[random.Below(std::size(operators))];
    const int factor = 1 + static_cast<int>(random.Below(5));
    const std::string left = Written(a) + op + "0";
    const auto scaled = [&](int by, const char* with) {
      return fmt::format("({})({}){}0", by, Nested(a), with);
    };
    CHECK(Relations(left, scaled(factor, op)) == kAgree);
    CHECK(Relations(left, scaled(-factor, mirror)) == kAgree);
    if (std::string(op) != mirror) CHECK(Relations(left, scaled(-factor, op)) == kDiffer);
  }
  CHECK(Relations("x>3", "x\\ge 3") == kDiffer);
  CHECK(Relations("x<1", "1>x") == kAgree);
}

TEST_CASE("Equations agree when they have the same solutions, and never for want of any") {
  CHECK(Relations("2x+4y-3=0", "y=-\\frac{1}{2}x+\\frac{3}{4}") == kAgree);
  CHECK(Relations("xy=1", "y=1/x") == kAgree);
  CHECK(Relations("x^2+y^2=4", "2x^2+2y^2-8=0") == kAgree);
  CHECK(Relations("y=2x", "y=2x+1") == kDiffer);
  CHECK(Relations("x^2/4+y^2=1", "x^2+y^2/4=1") == kDiffer);
  const char* const none[] = {"x^2-2x+10=0", "x^2-3x+10=0", "x^2+1=0", "e^x=0"};
  for (const char* a : none) {
    for (const char* b : none) {
      if (a != b) CHECK(Relations(a, b) != kAgree);
    }
  }
  CHECK(Relations("x(y+1)=0", "x(y+2)=0") != kAgree);
  CHECK(Relations("x=1", "x^2=1") != kAgree);
  CHECK(Relations("1<x<2", "1<x<2") == kUnknown);  // A chain is no simple relation.
}
