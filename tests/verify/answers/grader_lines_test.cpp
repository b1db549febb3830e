#include "verify/answers/grader_lines.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/fakes/shared_data.h"

using namespace gradus;
using Json = nlohmann::json;

TEST_CASE("At least 98 % of the labelled cases are judged as labelled, with one false accept" *
          doctest::test_suite("needs data")) {
  int rows = 0, right = 0, false_accepts = 0, contradictions = 0;
  for (const std::string& line : SharedLinesOrSkip("grader_cases.jsonl")) {
    const Json row = Json::parse(line);
    const Judgement judgement = GradeLine(line, ++rows, GraderMode::kStrict).judgement;
    const bool accepted = judgement.verdict == Verdict::kCorrect;
    const bool equal = row["equal"];
    const std::string policy = row.value("policy", "");
    if (accepted != equal || !policy.empty()) {
      MESSAGE(row["id"].get<std::string>(), " ", policy, " label ", equal, ": ",
              std::string(ToString(judgement.verdict)), " ", judgement.reason, " | ",
              row["gold"].get<std::string>().substr(0, 60), " | ",
              row["pred"].get<std::string>().substr(0, 60));
    }
    if (!policy.empty()) {
      --rows;
      continue;
    }
    right += accepted == equal;
    false_accepts += accepted && !equal;
    contradictions += equal ? judgement.verdict == Verdict::kWrong : accepted;
  }
  if (rows == 0) return;
  MESSAGE(right, " of ", rows, " rows without a policy, ", false_accepts, " false accepts, ",
          contradictions, " decided against the label");
  CHECK(right * 100 >= rows * 98);
  CHECK(false_accepts <= 1);
}
