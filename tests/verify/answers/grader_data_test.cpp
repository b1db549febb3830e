// The grader against the shared data sets; each test is skipped where they are absent.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

#include "schemas/base/file.h"
#include "verify/answers/grader_lines.h"

using namespace gradus;
using Json = nlohmann::json;

namespace {

fs::path SharedFile(const std::string& name) {
  const char* folder = std::getenv("GRADUS_SHARED");
  return (folder ? fs::path(folder) : fs::path(GRADUS_SOURCE_DIR) / "../shared") / "data" / name;
}

// The lines of a shared file; empty, with a message, when it is absent.
std::vector<std::string> SharedLines(const std::string& name) {
  std::ifstream file(SharedFile(name));
  if (!file) MESSAGE("skipped: no shared/data/", name, " (set GRADUS_SHARED)");
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

constexpr const char* kProblemFiles[] = {"gsm8k_train.jsonl",   "gsm8k_test.jsonl",
                                         "gsm_hard_test.jsonl", "svamp.jsonl",
                                         "aqua_test.jsonl",     "college_math_test.jsonl"};

}  // namespace

TEST_CASE("At least 98 % of the labelled cases are judged as labelled, with one false accept") {
  int rows = 0, right = 0, false_accepts = 0, contradictions = 0;
  for (const std::string& line : SharedLines("grader_cases.jsonl")) {
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

TEST_CASE("Every gold of the problem files equals itself") {
  for (const char* name : kProblemFiles) {
    int golds = 0, unreadable = 0, unequal = 0;
    for (const std::string& line : SharedLines(name)) {
      const std::string answer = Json::parse(line)["answer"];
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

TEST_CASE("ToRA's recorded correctness is reproduced by its own mode") {
  int rows = 0, same = 0;
  for (const std::string& line : SharedLines("tora_traces.jsonl")) {
    const Json row = Json::parse(line);
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
  MESSAGE(same, " of ", rows);
  CHECK(same == rows);
}
