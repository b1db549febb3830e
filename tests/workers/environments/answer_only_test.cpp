#include "workers/environments/answer_only.h"

#include <doctest/doctest.h>

using namespace gradus;

namespace {

EnvironmentOptions Lines() {
  EnvironmentOptions o;
  o.kind = "answer_only";
  o.prompt.text = "Q: {problem}\nA: ";
  return o;
}

EnvironmentOptions Whole() {
  EnvironmentOptions o = Lines();
  o.step = StepUnit::kWhole;
  return o;
}

using Kind = StepReading::Kind;

}  // namespace

TEST_CASE("A line without an answer is a step that nothing runs") {
  const StepReading reading = AnswerOnly(Lines()).Read({"First add 2 and 3.\n", false});
  CHECK(reading.kind == Kind::kStep);
  CHECK_FALSE(reading.runs);
  CHECK(AnswerOnly(Lines()).StateAt({}, {}, 0).steps.empty());
  CHECK(AnswerOnly(Lines()).Observe(reading, {}).empty());
}

TEST_CASE("A line with a box ends the trajectory, and so does the end of the text") {
  const AnswerOnly environment(Lines());
  CHECK(environment.Read({"So \\boxed{5}.\n", false}).answer == "5");
  CHECK(environment.Read({"So \\boxed{5}.", true}).answer == "5");
  const StepReading silent = environment.Read({"I give up after 7 tries", true});
  CHECK(silent.kind == Kind::kAnswer);
  CHECK(silent.answer.empty());  // The last number is no announced answer.
}

TEST_CASE("What was cut off says nothing") {
  CHECK(AnswerOnly(Lines()).Read({"So \\boxed{5", false}).reason == "unfinished-step");
  CHECK(AnswerOnly(Whole()).Read({"So \\boxed{5}\nand", false}).reason == "unfinished-step");
  CHECK(AnswerOnly(Lines()).Read({"", false}).kind == Kind::kMalformed);
}

TEST_CASE("A whole response is one step, however many lines it has") {
  const AnswerOnly environment(Whole());
  CHECK(environment.Stops().empty());
  CHECK(environment.Read({"2 + 3\nis 5\n\\boxed{5}", true}).answer == "5");
}

TEST_CASE("answer_marker: the answer is the rest of the last marked line") {
  EnvironmentOptions o = Whole();
  o.answer_marker = "####";
  const AnswerOnly environment(o);
  CHECK(environment.Read({"#### 3\nno:\n#### 1,234 \nbye", true}).answer == "1,234");
  CHECK(environment.Read({"\\boxed{5}", true}).answer.empty());
  CHECK(environment.Read({"####", true}).answer.empty());
  CHECK(environment.Finishes("x #### 1"));
  CHECK_FALSE(environment.Finishes("\\boxed{1}"));
}

TEST_CASE("The digest tells what shapes the prompt and the reading") {
  const std::string digest = AnswerOnly(Lines()).PromptDigest();
  CHECK(AnswerOnly(Whole()).PromptDigest() != digest);
  EnvironmentOptions o = Lines();
  o.answer_marker = "####";
  CHECK(AnswerOnly(o).PromptDigest() != digest);
  o = Lines();
  o.prompt.text += " ";
  CHECK(AnswerOnly(o).PromptDigest() != digest);
}
