// Sets of real numbers against their members counted one by one.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <functional>
#include <string>
#include <vector>

#include "schemas/base/seed.h"
#include "tests/verify/answers/expression/parsed.h"
#include "tests/verify/answers/grader_table.h"
#include "verify/answers/expression/screen.h"

using namespace gradus;

namespace {

Screened Sets(const std::string& a, const std::string& b) {
  CAPTURE(a);
  CAPTURE(b);
  REQUIRE(Parsed(a));
  REQUIRE(Parsed(b));
  Work work, work_back;
  const Screened there = ScreenSets(*Parsed(a), *Parsed(b), work);
  CHECK(there == ScreenSets(*Parsed(b), *Parsed(a), work_back));
  return there;
}

// A set as text and as a test of membership.
struct Written {
  std::string text;
  std::function<bool(double)> has;
};

// An interval between whole numbers (some infinite), or a few whole numbers.
Written RandomPart(Random& random) {
  if (random.Below(4) == 0) {
    const int a = static_cast<int>(random.Below(7)), b = static_cast<int>(random.Below(7));
    return {fmt::format("\\{{{},{}\\}}", a, b), [=](double x) { return x == a || x == b; }};
  }
  int low = static_cast<int>(random.Below(6)), high = low + 1 + static_cast<int>(random.Below(3));
  const bool from_below = random.Below(6) == 0, to_above = !from_below && random.Below(6) == 0;
  const bool closed_low = !from_below && random.Below(2) == 0;
  const bool closed_high = !to_above && random.Below(2) == 0;
  const std::string text = fmt::format(
      "{}{},{}{}", closed_low ? "[" : "(", from_below ? "-\\infty" : std::to_string(low),
      to_above ? "\\infty" : std::to_string(high), closed_high ? "]" : ")");
  return {text, [=](double x) {
            const bool above = from_below || x > low || (closed_low && x == low);
            const bool below = to_above || x < high || (closed_high && x == high);
            return above && below;
          }};
}

Written RandomSet(Random& random) {
  Written set = RandomPart(random);
  for (std::uint64_t n = random.Below(3); n > 0; --n) {
    const Written part = RandomPart(random);
    switch (random.Below(4)) {
      case 0:
        set = {"(" + set.text + ") \\setminus (" + part.text + ")",
               [a = set.has, b = part.has](double x) { return a(x) && !b(x); }};
        return set;
      case 1:
        set = {"(" + set.text + ") \\cap (" + part.text + ")",
               [a = set.has, b = part.has](double x) { return a(x) && b(x); }};
        return set;
      default:
        set = {set.text + " \\cup " + part.text,
               [a = set.has, b = part.has](double x) { return a(x) || b(x); }};
    }
  }
  return set;
}

// Whole numbers and what lies between them decide.
bool Same(const Written& a, const Written& b) {
  for (double x = -2; x <= 12; x += 0.5) {
    if (a.has(x) != b.has(x)) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("Sets that are written out agree exactly when they have the same members") {
  Random random(1);
  int read = 0, agree = 0;
  for (int i = 0; i < 4000; ++i) {
    const Written a = RandomSet(random), b = RandomSet(random);
    if (!Parsed(a.text) || !Parsed(b.text)) continue;
    ++read;
    CHECK(Sets(a.text, a.text) == Screened::kAgree);
    CHECK(Sets(a.text, b.text) == (Same(a, b) ? Screened::kAgree : Screened::kDiffer));
    agree += Same(a, b);
  }
  CHECK(read > 2000);
  CHECK(agree > 20);
}

TEST_CASE("Conditions on one variable are the sets they describe") {
  const AnswerPair same[] = {
      {"1 \\le |x| \\le 2", "[-2,-1] \\cup [1,2]"},
      {"x \\ne 3", "\\mathbb{R} \\setminus \\{3\\}"},
      {"x < 1", "(-\\infty, 1)"},
      {"3 > x > 2", "(2, 3)"},
  };
  for (const auto& [condition, set] : same) {
    CHECK(Sets(condition, set) == Screened::kAgree);
  }
  CHECK(Sets("1 \\le |x| \\le 2", "[1,2]") == Screened::kDiffer);
  CHECK(Sets("x < 1", "(-\\infty, 1]") == Screened::kDiffer);
  CHECK(Sets("x > 0", "y > 0") == Screened::kAgree);  // The name is the writer's.
  // Outside of its domain a condition does not hold.
  CHECK(Sets("\\sqrt{x} \\ge 0", "[0, \\infty)") == Screened::kAgree);
}

TEST_CASE("Ends may be any constants, and near is not equal") {
  CHECK(Sets("[0,\\sqrt{2}]", "[0,2^{1/2}]") == Screened::kAgree);
  CHECK(Sets("(0,\\pi)", "(0,3.14159)") == Screened::kDiffer);
  CHECK(Sets("[0,1]", "[0,1.0001]") == Screened::kDiffer);
  CHECK(Sets("(-\\infty,\\infty)", "\\mathbb{R}") == Screened::kAgree);
  CHECK(Sets("[1,2] \\cup [2,3]", "[1,3]") == Screened::kAgree);
  CHECK(Sets("(1,2) \\cup (2,3)", "(1,3)") == Screened::kDiffer);
}

TEST_CASE("Points that an equation hides, and what is no set of numbers, are not claimed") {
  CHECK(Sets("x^2 = 2x", "x^2 = 3x") != Screened::kAgree);
  CHECK(Sets("[a, b]", "[a, b]") == Screened::kUnknown);
  CHECK(Sets("x < y", "x < y") == Screened::kUnknown);
  CHECK(Sets("\\text{word}", "\\text{word}") == Screened::kUnknown);
  CHECK(Sets("(1,2,3)", "(1,2,3)") == Screened::kUnknown);
}

TEST_CASE("Sets of very many parts are left open, at once") {
  std::string many = "[0,1]";
  for (int i = 1; i < 200; ++i) many += fmt::format(" \\cup [{},{}]", 2 * i, 2 * i + 1);
  REQUIRE(Parsed(many));
  Screened screened = Screened::kAgree;
  CHECK(CpuMilliseconds([&] { screened = Sets(many, many); }) < 500);
  CHECK(screened == Screened::kUnknown);
}
