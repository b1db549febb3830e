#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "schemas/base/seed.h"
#include "tests/verify/answers/grader_table.h"
#include "verify/answers/grader.h"

using namespace gradus;

namespace {

// CPU milliseconds; without its bounds, each of these answers would take minutes or the memory.
constexpr double kAtOnceMs = 500;

}  // namespace

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
