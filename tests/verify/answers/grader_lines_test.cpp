#include "verify/answers/grader_lines.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

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

namespace {

struct Disputed {
  std::string_view id, why;
};

// Rows whose label we hold to be wrong.
constexpr Disputed kDisputed[] = {
    {"words-negation-26",
     "who says that he does not know has given no answer, whatever he guesses"}};

bool IsDisputed(const std::string& id) {
  return std::any_of(std::begin(kDisputed), std::end(kDisputed),
                     [&](const Disputed& row) { return row.id == id; });
}

}  // namespace

TEST_CASE("At least 97 % of the hard cases are judged as labelled, without a false accept" *
          doctest::test_suite("needs data")) {
  int rows = 0, right = 0;
  for (const std::string& line : SharedLinesOrSkip("grader_review.jsonl")) {
    const Json row = Json::parse(line);
    const std::string id = row["id"];
    const Judgement judgement = GradeLine(line, ++rows, GraderMode::kStrict).judgement;
    const bool accepted = judgement.verdict == Verdict::kCorrect, equal = row["equal"];
    right += accepted == equal;
    CAPTURE(id);
    CHECK((equal || !accepted || IsDisputed(id)));
    if (accepted != equal) {
      MESSAGE(id, " label ", equal, ": ", std::string(ToString(judgement.verdict)), " ",
              judgement.reason);
    }
  }
  if (rows == 0) return;
  MESSAGE(right, " of ", rows, " rows");
  CHECK(right * 100 >= rows * 97);
}

TEST_CASE("A whole solution is judged by what it states last") {
  struct Solution {
    const char *gold, *text;
    bool equal;
  };
  const Solution solutions[] = {{"8", "Let me think. So the answer is 8.", true},
                                {"8", "The answer is not 8.", false},
                                {"8", "The answer is not 8, it is 9.", false},
                                {"8", "<answer>8</answer>", true},
                                {"8", "<answer>1/8</answer>", false},
                                {"8", "\\boxed{8", false},
                                {"8", "\\boxed{8}", true},
                                {"8", "I think \\boxed{8} is wrong.", false},
                                {"9", "\\boxed{8} is wrong. The answer is 9", true},
                                {"3", "I cannot solve it; there are 3 variables.", false},
                                {"42", "#### 42", true},
                                {"42", "Answer: 42", true},
                                {"42", "<think>the answer is 42", false},
                                {"42", "<think>it is 41</think> The answer is 42.", true},
                                {"x=1,y=2", "The solution is x = 1 and y = 2.", true},
                                {"5", "We tried 5 but it fails.", false},
                                {"120", "She earns $120.", true},
                                {"C", "Thus the correct option is (C).", true},
                                {"C", "Option C is eliminated.", false},
                                {"1/2", "So the probability is $\\frac12$.", true},
                                {"2", "So the probability is $\\frac12$.", false},
                                {"10", "Therefore, the total is 10 dollars.", true},
                                {"10", "The answer is 10 or 11.", false},
                                {"10", "The answer is either 10 or 11.", false},
                                {"-4", "The answer is -4.", true},
                                {"4", "The answer is -4.", false},
                                {"4", "The answer is negative 4.", false},
                                {"5", "If x = 5 then it works. I am not sure.", false},
                                {"5", "", false},
                                {"5", "Final answer: $5$", true},
                                {"\\frac{3}{5}", "\\fbox{3/5}", true},
                                {"7", "\\boxed{7} \\text{ or } \\boxed{8}", false},
                                {"7,8", "\\boxed{7} and \\boxed{8}", true},
                                {"16", "The answer is 2^4 = 15", false}};
  for (const auto& [gold, text, equal] : solutions) {
    CAPTURE(std::string(text));
    const Json row = {{"gold", gold}, {"pred", text}, {"kind", "text"}};
    const Judgement judgement = GradeLine(row.dump(), 1, GraderMode::kStrict).judgement;
    CHECK((judgement.verdict == Verdict::kCorrect) == equal);
  }
}
