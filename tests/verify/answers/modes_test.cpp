#include "verify/answers/modes.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "tests/fakes/shared_data.h"
#include "tests/verify/answers/grader_table.h"

using namespace gradus;

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

TEST_CASE("ToRA's recorded correctness is reproduced by its own mode" *
          doctest::test_suite("needs data")) {
  int rows = 0, same = 0;
  for (const std::string& line : SharedLinesOrSkip("tora_traces.jsonl")) {
    const nlohmann::json row = nlohmann::json::parse(line);
    const std::string gold = row["answer"], predicted = row["prediction"];
    const bool accepted =
        Grade(gold, predicted, {GraderMode::kTora, {}}).verdict == Verdict::kCorrect;
    ++rows;
    same += accepted == row["correct"].get<bool>();
    const Verdict ours = Grade(gold, predicted).verdict;
    if ((ours == Verdict::kCorrect) != row["correct"].get<bool>()) {
      MESSAGE("strict differs: gold ", gold, " prediction ", predicted.substr(0, 60), " ",
              std::string(ToString(ours)));
    }
  }
  if (rows == 0) return;
  MESSAGE(same, " of ", rows);
  CHECK(same == rows);
}
