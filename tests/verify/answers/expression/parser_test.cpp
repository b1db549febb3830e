#include <doctest/doctest.h>

#include "tests/verify/answers/expression/parsed.h"
#include "tests/verify/answers/grader_table.h"
#include "verify/answers/expression/exact.h"

using namespace gradus;

namespace {

// The exact value as text, "-" when it has none or cannot be read.
std::string ValueOf(std::string_view text) {
  const ExprPtr expr = Parsed(text);
  const auto value = expr ? ExactValue(*expr) : std::nullopt;
  return value ? value->get_str() : "-";
}

}  // namespace

TEST_CASE("LaTeX, plain text and Python give the same tree") {
  const AnswerPair pairs[] = {
      {"\\frac{a}{b}", "a/b"},
      {"\\sqrt{x}", "sqrt(x)"},
      {"x^{2}", "x**2"},
      {"2\\cdot x", "2*x"},
      {"\\sin(x)", "sin(x)"},
      {"\\pi", "pi"},
      {"x \\leq 3", "x <= 3"},
      {"\\infty", "oo"},
      {"\\{1,2\\}", "FiniteSet(1,2)"},
      {"(1,2]", "Interval(1,2,True)"},
      {"\\frac12", "\\dfrac{1}{2}"},
      {"\\left(1,2\\right)", "(1,2)"},
      {"x_1", "x_{1}"},
      {"\\log_{2} 8", "log(8, 2)"},
      {"\u03C0", "\\pi"},
      {"\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}", "[[1,2],[3,4]]"},
      {"x \\ne 1", "x != 1"},
  };
  for (const auto& [latex, plain] : pairs) {
    CAPTURE(std::string(latex));
    CAPTURE(std::string(plain));
    REQUIRE(Parsed(latex));
    REQUIRE(Parsed(plain));
    CHECK(CanonicalText(*Parsed(latex)) == CanonicalText(*Parsed(plain)));
  }
}

TEST_CASE("Signs, powers and fractions bind as in mathematics") {
  const AnswerPair pairs[] = {
      {"-3^2", "-9"},
      {"(-3)^2", "9"},
      {"2^3^2", "512"},
      {"1/2/2", "1/4"},
      {"2\\frac12", "5/2"},
      {"-2\\frac12", "-5/2"},
      {"7 3/4", "31/4"},
      {"--5", "5"},
      {"3 - -2", "5"},
      {"2(3)", "6"},
      {"1e3", "1000"},
      {"2 \\times 10^{-1}", "1/5"},
      {"1.50", "3/2"},
      {".5", "1/2"},
      {"1,234", "1234"},
      {"5!", "120"},
      {"2^{1000000}", "-"},
      {"9^{9^{9}}", "-"},
      {"1/0", "-"},
      {"0^{-1}", "-"},
      {"(-8)^{1/3}", "-"},
      {"\\sqrt[3]{-8}", "-2"},
      {"\\sqrt{8}", "-"},
      {"\\frac1{72}", "1/72"},
      {"\\lfloor 7/2 \\rfloor", "3"},
      {"|-4|", "4"},
      {"10\\%", "1/10"},
      {"0.1\\overline{6}", "1/6"},
  };
  for (const auto& [text, value] : pairs) {
    CAPTURE(std::string(text));
    CHECK(ValueOf(text) == value);
  }
}

TEST_CASE("What is not of the language is refused") {
  for (const char* text :
       {"", "(1", "1)", "1 2", "x +", "^2", "\\frac{1}", "{", "\\sqrt", "1..2", "__import__('os')",
        "a.b", "\\begin{pmatrix} 1 & 2 \\\\ 3 \\end{pmatrix}", "2.5!!", "5 cm 3"}) {
    CAPTURE(std::string(text));
    CHECK(!Parsed(text));
  }
}

TEST_CASE("Depth and size are bounded") {
  CHECK(Parsed(Repeated("(", 30) + "1" + Repeated(")", 30)));
  CHECK(!Parsed(Repeated("(", 300) + "1" + Repeated(")", 300)));
  CHECK(Parsed(Repeated("1+", 900) + "1"));
  CHECK(!Parsed(Repeated("1+", 1100) + "1"));
}
