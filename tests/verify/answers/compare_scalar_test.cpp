#include "verify/answers/compare.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "schemas/base/seed.h"
#include "tests/verify/answers/grader_table.h"

using namespace gradus;

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
  const AnswerPair open[] = {{"5 \\text{ m}", "5 \\text{ s}"}};
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
