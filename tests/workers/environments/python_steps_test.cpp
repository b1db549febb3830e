#include <doctest/doctest.h>

#include "workers/environments/python_steps.h"

using namespace gradus;

namespace {

Tree Chain(const std::vector<std::string>& texts) {
  Tree tree;
  tree.nodes.emplace_back();
  for (const std::string& text : texts) {
    Node node;
    node.parent = static_cast<std::int32_t>(tree.nodes.size()) - 1;
    node.text = text;
    tree.nodes.push_back(node);
  }
  return tree;
}

std::int32_t Last(const Tree& tree) { return static_cast<std::int32_t>(tree.nodes.size()) - 1; }

Report Printed(const std::string& output) {
  Report report;
  report.end = End::kFine;
  report.outcome = "ok";
  report.shown = output;
  return report;
}

PythonSteps With(AnswerRule rule) {
  EnvironmentOptions o;
  o.answer_rule = rule;
  return PythonSteps(o);
}

StepReading ReadStep(std::string_view text, AnswerRule rule) {
  return With(rule).Read({text, false});
}

std::vector<std::string> BlockSteps(const Tree& tree, std::int32_t node) {
  return With(AnswerRule::kMarker).StateAt({}, tree, node).steps;
}

// What a closed block that printed this shows.
std::string OutputText(const EnvironmentOptions& o, const Report& report) {
  StepReading closed;
  closed.observed = true;
  return PythonSteps(o).Observe(closed, report);
}

std::string SearchPrompt(const EnvironmentOptions& o, const Problem& problem) {
  return PythonSteps(o).SearchPrompt(problem);
}
std::string TrainingPrompt(const EnvironmentOptions& o, const Problem& problem) {
  return PythonSteps(o).TrainingPrompt(problem);
}
std::string PromptDigest(const EnvironmentOptions& o) { return PythonSteps(o).PromptDigest(); }

bool Failed(const Report& report, ErrorRule rule) {
  EnvironmentOptions o;
  o.error_rule = rule;
  return PythonSteps(o).Failed(report);
}

}  // namespace

TEST_CASE("A step's code is what follows <code>, without the markers") {
  const StepReading reading =
      ReadStep("Let us begin.\n<code>\n# add\na = 8 + 2<end_of_step>", AnswerRule::kMarker);
  CHECK(reading.kind == StepReading::Kind::kStep);
  CHECK(reading.source == "# add\na = 8 + 2\n");
  CHECK_FALSE(reading.observed);
  CHECK(ReadStep("print(a)\n<end_of_code>", AnswerRule::kMarker).observed);
  CHECK(ReadStep("<end_of_code>", AnswerRule::kMarker).source.empty());
}

TEST_CASE("A step without an end marker is malformed") {
  CHECK(ReadStep("a = 8 + 2", AnswerRule::kMarker).reason == "unfinished-step");
  CHECK(ReadStep("", AnswerRule::kMarker).kind == StepReading::Kind::kMalformed);
}

TEST_CASE("answer_rule: the closing marker decides, or the word boxed anywhere") {
  const std::string comment = "# the boxed value\na = 1<end_of_step>";
  CHECK(ReadStep(comment, AnswerRule::kMarker).kind == StepReading::Kind::kStep);
  CHECK(ReadStep(comment, AnswerRule::kBoxed).kind == StepReading::Kind::kAnswer);
  const std::string answer = "<answer>It is \\boxed{90}.<end_of_answer>";
  for (AnswerRule rule : {AnswerRule::kMarker, AnswerRule::kBoxed}) {
    CHECK(ReadStep(answer, rule).kind == StepReading::Kind::kAnswer);
    CHECK(ReadStep(answer, rule).answer == "90");
  }
}

TEST_CASE("The program of a step is the code of its own block only") {
  const Tree one = Chain({"<code>\na = 1<end_of_step>", "b = a + 1<end_of_step>"});
  CHECK(BlockSteps(one, Last(one)) == std::vector<std::string>{"a = 1\n", "b = a + 1\n"});
  Tree two =
      Chain({"<code>\na = 1<end_of_step>", "print(a)<end_of_code>", "<code>\nc = 3<end_of_step>"});
  CHECK(BlockSteps(two, Last(two)) == std::vector<std::string>{"c = 3\n"});
  two.nodes[1].text = "<code>\na = 1<end_of_step>";
  two.nodes[2].text = "a = 2<end_of_step>";
  two.nodes[2].output = "<end_of_code>\n<output>boom<end_of_output>";
  CHECK(BlockSteps(two, Last(two)) == std::vector<std::string>{"c = 3\n"});
}

TEST_CASE("Ancestors that ran into a time limit are left out of the program") {
  Tree tree =
      Chain({"<code>\na = 1<end_of_step>", "while True: pass<end_of_step>", "b = 2<end_of_step>"});
  tree.nodes[2].exec_outcome = "wall_timeout";
  CHECK(BlockSteps(tree, Last(tree)) == std::vector<std::string>{"a = 1\n", "b = 2\n"});
}

TEST_CASE("prompt_drift: only the search prompt of the released code has one more newline") {
  EnvironmentOptions o;
  const Problem problem{"p", "What is 1+1?", "2", "", "", {}};
  CHECK(SearchPrompt(o, problem) == TrainingPrompt(o, problem));
  CHECK(TrainingPrompt(o, problem).find("What is 1+1?\n<|assistant|>:") != std::string::npos);
  const std::string plain_digest = PromptDigest(o);
  o.prompt_drift = true;
  CHECK(SearchPrompt(o, problem).find("What is 1+1?\n\n<|assistant|>:") != std::string::npos);
  CHECK(TrainingPrompt(o, problem).find("What is 1+1?\n<|assistant|>:") != std::string::npos);
  CHECK(PromptDigest(o) != plain_digest);
}

TEST_CASE("output_style: the released code shows floats with four decimals") {
  EnvironmentOptions o;
  CHECK(OutputText(o, Printed("0.333333333\n")) == "\n<output>0.333333333<end_of_output>");
  o.output_style = ObservationStyle::kRstarMath;
  CHECK(OutputText(o, Printed("0.333333333\n")) == "\n<output>0.3333<end_of_output>");
  CHECK(OutputText(o, Printed("1e-9\n")) == "\n<output>0.0<end_of_output>");
  CHECK(OutputText(o, Printed("17\n")) == "\n<output>17<end_of_output>");
  CHECK(OutputText(o, Printed("1/3\n")) == "\n<output>1/3<end_of_output>");
}

TEST_CASE("Long output keeps its head and tail") {
  EnvironmentOptions o;
  o.output_lead = "";
  o.max_output_chars = 10;
  CHECK(OutputText(o, Printed("abcdefghijklmnopqrstuvwxyz")) ==
        "<output>abcde...vwxyz<end_of_output>");
}

TEST_CASE("error_rule: a word in the output fails a step only in the released code") {
  const Report harmless = Printed("standard error is 0.5\n");
  CHECK_FALSE(Failed(harmless, ErrorRule::kOutcome));
  CHECK(Failed(harmless, ErrorRule::kWordError));
  Report broken = Printed("");
  broken.end = End::kRejected;
  CHECK(Failed(broken, ErrorRule::kOutcome));
}

TEST_CASE("A failed step that may go on closes its block itself and shows what went wrong") {
  StepReading open;
  open.runs = true;
  Report failed = Printed("");
  CHECK(PythonSteps({}).Observe(open, failed).empty());
  failed.end = End::kRejected;
  failed.error = "NameError: x";
  CHECK(PythonSteps({}).Observe(open, failed) ==
        "<end_of_code>\n<output>NameError: x<end_of_output>");
}

TEST_CASE("markers: text needs no tokens, and reads what single tokens say") {
  EnvironmentOptions o;
  CHECK(PythonSteps(o).Tokens() == MarkerTokens());
  const std::string tokens_digest = PromptDigest(o);
  o.markers = Markers::kText;
  const PythonSteps text(o);
  CHECK(text.Tokens().empty());
  CHECK(text.Stops() ==
        std::vector<std::string>{"<end_of_step>", "<end_of_code>", "<end_of_answer>"});
  CHECK(text.Read({"<code>\na = 1<end_of_step>\n", false}).source == "a = 1\n");
  CHECK(text.Finishes("<answer>\\boxed{1}<end_of_answer>\n"));
  // A token that ends the marker and begins something else.
  CHECK(text.Read({"a = 1<end_of_step><co", false}).reason == "text-behind-marker");
  CHECK(PromptDigest(o) != tokens_digest);
}

TEST_CASE("The digest of a prompt does not change with what does not shape it") {
  EnvironmentOptions o;
  const std::string digest = PromptDigest(o);
  o.max_step_tokens = 7;
  o.examples = "read by whoever makes the environment";
  CHECK(PromptDigest(o) == digest);
  const Demonstration example{{"e", "1+1?", "2", "", "", {}}, "\\boxed{2}"};
  CHECK(PythonSteps(o, {example}).PromptDigest() != digest);
  o.prompt.system = "Think.";
  CHECK(PromptDigest(o) != digest);
}
