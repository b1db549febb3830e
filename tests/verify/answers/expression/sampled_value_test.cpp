#include "verify/answers/expression/sampled_value.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>

#include "tests/verify/answers/expression/parsed.h"
#include "tests/verify/answers/grader_table.h"
#include "verify/answers/expression/exact.h"

using namespace gradus;

namespace {

SampledValue At(std::string_view text, Seed seed = 1, Point::Domain domain = Point::Domain::kReal) {
  const ExprPtr expr = Parsed(text);
  REQUIRE(expr);
  Point point;
  point.seed = seed;
  point.domain = domain;
  Work work;
  const SampledValue value = Evaluate(*expr, point, work);
  CHECK(point.bound.empty());
  return value;
}

bool SameBits(const SampledValue& a, const SampledValue& b) {
  return a.valid && b.valid && a.ball.Middle() == b.ball.Middle();
}

std::complex<long double> Middle(const SampledValue& value) { return value.ball.Middle(); }

// Sums, products, quotients and small powers of small numbers.
std::string RandomArithmetic(Random& random, int depth) {
  if (depth == 0) return std::to_string(random.Below(10));
  const std::string a = RandomArithmetic(random, depth - 1);
  const std::string b = RandomArithmetic(random, depth - 1);
  switch (random.Below(5)) {
    case 0:
      return fmt::format("({}+{})", a, b);
    case 1:
      return fmt::format("({}-{})", a, b);
    case 2:
      return fmt::format("({}*{})", a, b);
    case 3:
      return fmt::format("({}/{})", a, b);
    default:
      return fmt::format("({})^{}", a, random.Below(4));
  }
}

}  // namespace

TEST_CASE("A ball holds the exact value") {
  Random random(1);
  int compared = 0;
  for (int i = 0; i < 3000; ++i) {
    const std::string text = RandomArithmetic(random, 1 + static_cast<int>(random.Below(4)));
    CAPTURE(text);
    const auto exact = ExactValue(*Parsed(text));
    const SampledValue value = At(text);
    if (!exact) {
      CHECK_FALSE(value.valid);  // A division by zero.
      continue;
    }
    REQUIRE(value.valid);
    ++compared;
    CHECK(value.ball.IsReal());
    CHECK(value.ball.Overlaps(Ball::Of(*exact, 400)));
    CHECK(value.ball.IsSharp(200));
  }
  CHECK(compared > 1500);
}

TEST_CASE("Identities hold at every point: the balls of both sides overlap") {
  const AnswerPair identities[] = {
      {"\\sin(x)^2+\\cos(x)^2", "1"},
      {"(x+y)^2", "x^2+2xy+y^2"},
      {"e^{x}e^{y}", "e^{x+y}"},
      {"\\tan x", "\\frac{\\sin x}{\\cos x}"},
      {"\\sec x", "\\frac{1}{\\cos x}"},
      {"\\sinh x", "\\frac{e^x-e^{-x}}{2}"},
      {"x^2 x^3", "x^5"},
      {"\\frac{x^2-y^2}{x-y}", "x+y"},
      {"\\binom{7}{3}", "35"},
      {"\\sum_{k=1}^{10} k x", "55x"},
      {"\\prod_{k=1}^{5} k", "5!"},
      {"x\\%", "x/100"},
      {"\\gcd(12, 18)", "6"},
      {"\\max(3, 7)", "7"},
  };
  for (const auto& [left, right] : identities) {
    CAPTURE(std::string(left));
    for (const auto domain :
         {Point::Domain::kPositive, Point::Domain::kReal, Point::Domain::kComplex}) {
      for (Seed seed = 0; seed < 20; ++seed) {
        const SampledValue a = At(left, seed, domain), b = At(right, seed, domain);
        REQUIRE(a.valid);
        REQUIRE(b.valid);
        CHECK(a.ball.Overlaps(b.ball));
        CHECK(a.ball.IsSharp(100));
      }
    }
  }
}

TEST_CASE("A name has one value at a point, whatever stands beside it, and others elsewhere") {
  for (Seed seed = 0; seed < 50; ++seed) {
    CHECK(SameBits(At("x", seed), At("x", seed)));
    CHECK_FALSE(SameBits(At("x", seed), At("y", seed)));
    CHECK_FALSE(SameBits(At("x", seed), At("x", seed + 1)));
    CHECK(SameBits(At("x+y", seed), At("y+x", seed)));
    CHECK(SameBits(At("f(x)", seed), At("f(x)", seed)));
    CHECK_FALSE(SameBits(At("f(x)", seed), At("g(x)", seed)));
    CHECK_FALSE(SameBits(At("f(x)", seed), At("f(y)", seed)));
    CHECK(SameBits(At("a_{n+1}", seed), At("a_{1+n}", seed)));
    CHECK_FALSE(SameBits(At("a_{n+1}", seed), At("a_{n}", seed)));
  }
}

TEST_CASE("Points lie in their domain, and what counts is whole") {
  int negative = 0;
  for (Seed seed = 0; seed < 200; ++seed) {
    const auto positive = Middle(At("x", seed, Point::Domain::kPositive));
    CHECK((positive.imag() == 0 && positive.real() > 0));
    const auto real = Middle(At("x", seed, Point::Domain::kReal));
    CHECK(real.imag() == 0);
    negative += real.real() < 0;
    CHECK(Middle(At("x", seed, Point::Domain::kNegative)).real() < 0);
    CHECK(Middle(At("x", seed, Point::Domain::kComplex)).imag() != 0);
    Point point;
    point.seed = seed;
    point.integers = {"n"};
    Work work;
    CHECK(Evaluate(*Parsed("n"), point, work).ball.Whole().has_value());
    point.integers.clear();
    point.whole = true;
    CHECK(Evaluate(*Parsed("x"), point, work).ball.Whole().has_value());
  }
  CHECK(negative > 50);
  CHECK(negative < 150);
}

TEST_CASE("What has no value has none, what is too large has its sign, and nothing is guessed") {
  for (const char* text :
       {"1/0", "0^0", "0^{-1}", "\\ln 0", "\\frac{1}{x-x}", "\\infty-\\infty", "0 \\cdot \\infty",
        "9^{9^{9^9}}-9^{9^{9^9}}", "\\sum_{k=0}^{\\infty} k", "(-3)!", "\\binom{1}{0.5}"}) {
    CAPTURE(std::string(text));
    CHECK_FALSE(At(text).valid);
  }
  const SampledValue tower = At("9^{9^{9^9}}"), below = At("-9^{9^{9^9}}");
  CHECK((tower.valid && tower.ball.IsInfinite() && tower.ball.IsPositive()));
  CHECK((below.valid && below.ball.IsInfinite() && below.ball.IsNegative()));
  CHECK(At("\\infty").ball.IsInfinite());
  CHECK(At("9^{9^{9^9}}+1").ball.IsInfinite());
  CHECK(At("1.5^{-99999999}").ball.IsPositive());
}

TEST_CASE("A root or logarithm of a negative number is told, that of a positive one is not") {
  for (const char* text : {"\\sqrt{-1}", "\\ln(-2)", "(-8)^{1/4}", "\\sqrt{-1}+1", "\\arcsin(2)"}) {
    CAPTURE(std::string(text));
    CHECK(At(text).valid);
    CHECK(At(text).left_reals);
  }
  for (const char* text : {"\\sqrt{2}", "\\ln(2)", "(-8)^{2}", "\\sqrt[3]{-8}", "\\arcsin(1)"}) {
    CAPTURE(std::string(text));
    CHECK(At(text).valid);
    CHECK_FALSE(At(text).left_reals);
  }
  CHECK(At("\\sqrt[3]{-8}").ball.Overlaps(Ball(-2)));
  CHECK(At("(-8)^{1/3}").odd_root);
  CHECK_FALSE(At("8^{1/3}").odd_root);
  CHECK(At("\\sqrt{x^2}", 1, Point::Domain::kPositive)
            .ball.Overlaps(At("x", 1, Point::Domain::kPositive).ball));
}

TEST_CASE("Work is bounded: sums of sums end at once, and leave no variable bound") {
  const std::string sums = "\\sum_{a=1}^{999}\\sum_{b=1}^{999}\\sum_{c=1}^{999} abc";
  CHECK_FALSE(At(sums).valid);
  CHECK_FALSE(At("\\sum_{k=1}^{100000} k").valid);
  CHECK(Middle(At("\\sum_{k=1}^{999} k")).real() == 999 * 1000 / 2);
  CHECK(At("\\sum_{k=5}^{4} k").ball.IsZero());
  // The inner k is its own.
  CHECK(At("\\sum_{k=1}^{3} (k+\\sum_{k=1}^{2} k)").ball.Whole() == 6 + 3 * 3);
}

TEST_CASE("What was spent stays spent, and nothing is known without work") {
  Point point;
  Work work;
  const long before = work.left;
  Evaluate(*Parsed("\\sin(x)+1"), point, work);
  CHECK(work.left < before);
  work.left = 0;
  CHECK_FALSE(Evaluate(*Parsed("1"), point, work).valid);
  CHECK(work.left < 0);
}

TEST_CASE("Limits of sums, and what stands under factorials and powers of -1, are whole numbers") {
  const auto integers = [](const char* text) {
    std::set<std::string> names;
    CollectIntegerVariables(*Parsed(text), names);
    return names;
  };
  using Names = std::set<std::string>;
  CHECK(integers("\\sum_{k=m}^{n} kx") == Names{"m", "n"});
  CHECK(integers("n!+x") == Names{"n"});
  CHECK(integers("\\binom{n}{k}") == Names{"k", "n"});
  CHECK(integers("(-1)^n x") == Names{"n"});
  CHECK(integers("2^n + \\sqrt{x}").empty());
}

TEST_CASE("A constant is a real number without names, or infinite") {
  CHECK(std::abs(*RealConstant(*Parsed("\\sqrt{2}")) - std::sqrt(2.0L)) < 1e-18L);
  CHECK(*RealConstant(*Parsed("-3/4")) == -0.75L);
  CHECK(std::isinf(*RealConstant(*Parsed("\\infty"))));
  CHECK(*RealConstant(*Parsed("-\\infty")) < 0);
  for (const char* text : {"x", "x-x", "\\sqrt{-1}", "1/0", "(1,2)", "x>3"}) {
    CAPTURE(std::string(text));
    CHECK_FALSE(RealConstant(*Parsed(text)));
  }
}
