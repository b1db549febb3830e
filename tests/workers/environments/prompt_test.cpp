#include "workers/environments/prompt.h"

#include <doctest/doctest.h>

#include <fstream>

#include "schemas/base/error.h"
#include "tests/fakes/temp_folder.h"
#include "workers/environments/environment.h"

using namespace gradus;

namespace {

const Problem kProblem{"p", "1+1?", "2", "", "", {}};
const Demonstration kExample{{"e", "2+2?", "4", "", "", {}}, "It is \\boxed{4}."};

PromptOptions Asking(ChatFormat chat) {
  PromptOptions o;
  o.text = "Q: {problem}";
  o.chat = chat;
  return o;
}

}  // namespace

TEST_CASE("Without a chat format a prompt is its text, examples before it") {
  CHECK(BuildPrompt(Asking(ChatFormat::kNone), {}, kProblem) == "Q: 1+1?");
  PromptOptions o = Asking(ChatFormat::kNone);
  o.text += "\nA: ";
  CHECK(BuildPrompt(o, {kExample}, kProblem) == "Q: 2+2?\nA: It is \\boxed{4}.\n\nQ: 1+1?\nA: ");
}

TEST_CASE("A chat's turns end where the model is to answer") {
  PromptOptions o = Asking(ChatFormat::kChatMl);
  o.system = "Be brief.";
  CHECK(BuildPrompt(o, {kExample}, kProblem) ==
        "<|im_start|>system\nBe brief.<|im_end|>\n"
        "<|im_start|>user\nQ: 2+2?<|im_end|>\n"
        "<|im_start|>assistant\nIt is \\boxed{4}.<|im_end|>\n"
        "<|im_start|>user\nQ: 1+1?<|im_end|>\n"
        "<|im_start|>assistant\n");
  CHECK(BuildPrompt(Asking(ChatFormat::kLlama3), {}, kProblem) ==
        "<|start_header_id|>user<|end_header_id|>\n\nQ: 1+1?<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n");
  CHECK(BuildPrompt(Asking(ChatFormat::kPhi3), {}, kProblem) ==
        "<|user|>\nQ: 1+1?<|end|>\n<|assistant|>\n");
}

TEST_CASE("A problem that looks like the place for a problem is put in once") {
  Problem odd = kProblem;
  odd.problem = "What is {problem}?";
  CHECK(BuildPrompt(Asking(ChatFormat::kNone), {}, odd) == "Q: What is {problem}?");
}

TEST_CASE("Examples come from a file, the first so many") {
  TempFolder folder;
  std::ofstream(folder / "examples.jsonl")
      << R"({"id":"a","problem":"1?","answer":"1","solution":"\\boxed{1}"})"
      << "\n"
      << R"({"id":"b","problem":"2?","answer":"2","solution":"\\boxed{2}"})"
      << "\n";
  EnvironmentOptions o;
  o.kind = "answer_only";
  o.prompt.text = "{problem} ";
  o.examples = (folder / "examples.jsonl").string();
  CHECK(MakeEnvironment(o)->SearchPrompt(kProblem) == "1? \\boxed{1}\n\n2? \\boxed{2}\n\n1+1? ");
  o.shots = 1;
  CHECK(MakeEnvironment(o)->SearchPrompt(kProblem) == "1? \\boxed{1}\n\n1+1? ");
  o.shots = 3;
  CHECK_THROWS_WITH_AS(MakeEnvironment(o), doctest::Contains("asks for 3 examples"), Error);
}

TEST_CASE("An unknown environment is refused with the known ones") {
  EnvironmentOptions o;
  o.kind = "tora2";
  CHECK_THROWS_WITH_AS(MakeEnvironment(o), doctest::Contains("python_steps"), Error);
}
