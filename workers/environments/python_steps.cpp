#include "workers/environments/python_steps.h"

#include <algorithm>
#include <cctype>

#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "verify/answers/grader.h"

namespace gradus {
namespace {

bool Contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// The Python inside a step: what follows <code>, without the end markers.
std::string CodeOf(std::string_view text) {
  const std::size_t open = text.rfind(marker::kCode);
  if (open != std::string_view::npos)
    text.remove_prefix(open + std::string_view(marker::kCode).size());
  std::string code = Replaced(std::string(text), marker::kEndOfStep, "");
  code = Replaced(std::move(code), marker::kEndOfCode, "");
  const std::size_t first = code.find_first_not_of("\n");
  if (first == std::string::npos) return "";
  code.erase(0, first);
  if (code.find_first_not_of(" \t\n") == std::string::npos) return "";
  if (code.back() != '\n') code += '\n';
  return code;
}

// Markers that are plain text may end inside a token, which then says more than the step.
bool SaysMoreBehind(std::string_view text, std::string_view stop) {
  const std::size_t at = text.find(stop);
  return at != std::string_view::npos &&
         text.find_first_not_of(" \t\n", at + stop.size()) != std::string_view::npos;
}

StepReading Malformed(const char* reason) {
  StepReading reading;
  reading.reason = reason;
  return reading;
}

}  // namespace

std::vector<std::string> MarkerTokens() {
  return {marker::kCode,        marker::kEndOfStep,   marker::kEndOfCode,
          marker::kOutput,      marker::kEndOfOutput, marker::kAnswer,
          marker::kEndOfAnswer, marker::kUser,        marker::kAssistant};
}

PythonSteps::PythonSteps(EnvironmentOptions options, std::vector<Demonstration> examples)
    : options_(std::move(options)), examples_(std::move(examples)) {}

std::vector<std::string> PythonSteps::Tokens() const {
  return options_.markers == Markers::kTokens ? MarkerTokens() : std::vector<std::string>();
}

std::string PythonSteps::TrainingPrompt(const Problem& problem) const {
  return BuildPrompt(options_.prompt, examples_, problem);
}

std::string PythonSteps::SearchPrompt(const Problem& problem) const {
  std::string prompt = TrainingPrompt(problem);
  if (options_.prompt_drift) {
    const std::size_t at = prompt.rfind(marker::kAssistant);
    if (at != std::string::npos) prompt.insert(at, "\n");
  }
  return prompt;
}

std::vector<std::string> PythonSteps::Stops() const {
  return {marker::kEndOfStep, marker::kEndOfCode, marker::kEndOfAnswer};
}

StepReading PythonSteps::Read(const Sample& sample) const {
  const std::string_view text = sample.text;
  if (options_.markers == Markers::kText) {
    for (const std::string& stop : Stops()) {
      if (SaysMoreBehind(text, stop)) return Malformed("text-behind-marker");
    }
  }
  const bool closes_answer = Contains(text, marker::kEndOfAnswer);
  const bool boxed = options_.answer_rule == AnswerRule::kBoxed;
  StepReading reading;
  if (boxed ? Contains(text, "boxed") : closes_answer) {
    reading.kind = StepReading::Kind::kAnswer;
    reading.answer = ExtractAnswer(text);
    return reading;
  }
  if (closes_answer) return Malformed("answer-without-box");
  if (!Contains(text, marker::kEndOfStep) && !Contains(text, marker::kEndOfCode)) {
    return Malformed("unfinished-step");
  }
  reading.kind = StepReading::Kind::kStep;
  reading.runs = true;
  reading.source = CodeOf(text);
  reading.observed = Contains(text, marker::kEndOfCode);
  return reading;
}

bool PythonSteps::Finishes(std::string_view text) const {
  if (options_.markers == Markers::kText) return Contains(text, marker::kEndOfAnswer);
  return text.ends_with(marker::kEndOfAnswer);
}

State PythonSteps::StateAt(const Problem& problem, const Tree& tree, std::int32_t node) const {
  State state;
  state.allowed_steps = problem.allowed_steps;
  for (std::int32_t at = node; at > 0; at = tree.nodes[at].parent) {
    const Node& n = tree.nodes[at];
    if (Contains(n.text, marker::kEndOfCode) || Contains(n.output, marker::kEndOfOutput)) break;
    if (IsTimeout(n.exec_outcome)) continue;
    std::string code = CodeOf(n.text);
    if (!code.empty()) state.steps.push_back(std::move(code));
  }
  std::reverse(state.steps.begin(), state.steps.end());
  return state;
}

std::string PythonSteps::Observe(const StepReading& reading, const Report& report) const {
  if (!reading.observed && !Failed(report)) return "";
  return (reading.observed ? "" : marker::kEndOfCode) + options_.output_lead + marker::kOutput +
         Observation(report, options_.output_style, options_.max_output_chars) +
         marker::kEndOfOutput;
}

bool PythonSteps::Failed(const Report& report) const {
  if (report.end != End::kFine) return true;
  if (options_.error_rule == ErrorRule::kOutcome) return false;
  std::string all = report.shown + report.error + report.value.value_or("");
  std::transform(all.begin(), all.end(), all.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return Contains(all, "error");
}

std::optional<std::pair<std::string, std::string>> PythonSteps::WorldText() const {
  return std::pair(std::string(marker::kOutput), std::string(marker::kEndOfOutput));
}

std::string PythonSteps::PromptDigest() const {
  std::string content =
      fmt::format("{}\x1f{}\x1f{}\x1f{}\x1f{}", PromptContent(options_.prompt, examples_),
                  options_.prompt_drift, options_.max_output_chars,
                  static_cast<int>(options_.output_style), options_.output_lead);
  if (options_.markers == Markers::kText) content += "\x1ftext";
  return Sha256(content);
}

std::unique_ptr<Environment> MakePythonSteps(const EnvironmentOptions& options,
                                             std::vector<Demonstration> examples) {
  if (!options.answer_marker.empty() || options.step != StepUnit::kLine) {
    Fail("environment.answer_marker and environment.step are read by answer_only alone");
  }
  return std::make_unique<PythonSteps>(options, std::move(examples));
}

}  // namespace gradus
