#include "verify/answers/grader.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "schemas/base/error.h"
#include "schemas/base/seed.h"
#include "tests/fakes/shared_data.h"
#include "tests/verify/answers/grader_pairs.h"
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
  CheckNever(kNearMisses, "correct");
}

TEST_CASE("What says the same in other words or signs is taken") {
  CheckAll(kOtherWords, "correct");
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
