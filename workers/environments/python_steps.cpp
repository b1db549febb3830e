#include "workers/environments/python_steps.h"

#include <algorithm>
#include <cctype>

#include "schemas/base/file.h"

namespace gradus {
namespace {

std::string Replaced(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos;
       at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

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

bool IsTimeout(std::string_view outcome) {
  return outcome == ToString(Outcome::kWallTimeout) || outcome == ToString(Outcome::kCpuTimeout);
}

}  // namespace

std::vector<std::string> MarkerTokens() {
  return {marker::kCode,        marker::kEndOfStep,   marker::kEndOfCode,
          marker::kOutput,      marker::kEndOfOutput, marker::kAnswer,
          marker::kEndOfAnswer, marker::kUser,        marker::kAssistant};
}

void Bind(Settings& s, EnvironmentOptions& o) {
  s.Field("prompt", o.prompt, "prompt template; {problem} is replaced by the problem text");
  s.Field("prompt_drift", o.prompt_drift,
          "released code: the search prompt has one newline more before the assistant marker");
  s.Field("max_step_tokens", o.max_step_tokens, {1, 1e6},
          "tokens of one step, stop marker included");
  s.Field("max_output_chars", o.max_output_chars, {1, 1e6},
          "interpreter output shown to the model; longer output keeps head and tail");
  s.Choice(
      "output_style", o.output_style,
      {{"plain", ObservationStyle::kPlain},
       {"rstar_math", ObservationStyle::kRstarMath},
       {"tora", ObservationStyle::kTora}},
      "plain: what was printed, else the value, then the error; rstar_math: floats with at most 4 "
      "decimals (released code); tora: \"Done\" for nothing, the error alone after a failure");
  s.Field("output_lead", o.output_lead, "text between a closed code block and <output>");
  s.Choice("grader", o.grader,
           {{"strict", GraderMode::kStrict},
            {"rstar_math", GraderMode::kRstarMath},
            {"tora", GraderMode::kTora},
            {"hendrycks", GraderMode::kHendrycks}},
           "whose rules judge answers: strict is safe to label with, the others imitate published "
           "graders");
  s.Field("extra_tokens", o.extra_tokens,
          "strings added as single tokens to a model made from nothing");
}

std::string TrainingPrompt(const EnvironmentOptions& options, const Problem& problem) {
  return Replaced(options.prompt, "{problem}", problem.problem);
}

std::string SearchPrompt(const EnvironmentOptions& options, const Problem& problem) {
  std::string prompt = TrainingPrompt(options, problem);
  if (options.prompt_drift) {
    const std::size_t at = prompt.rfind(marker::kAssistant);
    if (at != std::string::npos) prompt.insert(at, "\n");
  }
  return prompt;
}

std::string PromptDigest(const EnvironmentOptions& o) {
  return Sha256(fmt::format("{}\x1f{}\x1f{}\x1f{}\x1f{}", o.prompt, o.prompt_drift,
                            o.max_output_chars, static_cast<int>(o.output_style), o.output_lead));
}

StepReading ReadStep(std::string_view text, AnswerRule rule) {
  const bool closes_answer = Contains(text, marker::kEndOfAnswer);
  const bool is_answer = rule == AnswerRule::kBoxed ? Contains(text, "boxed") : closes_answer;
  StepReading reading;
  if (is_answer) {
    reading.kind = StepReading::Kind::kAnswer;
    reading.answer = ExtractAnswer(text);
    return reading;
  }
  if (closes_answer) {
    reading.reason = "answer-without-box";
    return reading;
  }
  if (!Contains(text, marker::kEndOfStep) && !Contains(text, marker::kEndOfCode)) {
    reading.reason = "unfinished-step";
    return reading;
  }
  reading.kind = StepReading::Kind::kCode;
  reading.code = CodeOf(text);
  reading.closes_block = Contains(text, marker::kEndOfCode);
  return reading;
}

std::vector<std::string> BlockSteps(const Tree& tree, std::int32_t node) {
  std::vector<std::string> steps;
  for (std::int32_t at = node; at > 0; at = tree.nodes[at].parent) {
    const Node& n = tree.nodes[at];
    if (Contains(n.text, marker::kEndOfCode) || Contains(n.output, marker::kEndOfOutput)) break;
    if (IsTimeout(n.exec_outcome)) continue;
    std::string code = CodeOf(n.text);
    if (!code.empty()) steps.push_back(std::move(code));
  }
  std::reverse(steps.begin(), steps.end());
  return steps;
}

std::string OutputText(const EnvironmentOptions& options, const ExecResult& result) {
  return options.output_lead + marker::kOutput +
         Observation(result, options.output_style, options.max_output_chars) + marker::kEndOfOutput;
}

bool Failed(const ExecResult& result, ErrorRule rule) {
  if (rule == ErrorRule::kOutcome) return result.outcome != Outcome::kOk;
  std::string all = result.output + result.error + result.value.value_or("");
  std::transform(all.begin(), all.end(), all.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return result.outcome != Outcome::kOk || Contains(all, "error");
}

}  // namespace gradus
