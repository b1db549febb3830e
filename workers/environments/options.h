#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "workers/environments/observation.h"
#include "workers/environments/prompt.h"

namespace gradus {

class Settings;

// Whether a method's markers are single tokens that the model learns anew, or plain text that it
// can write already.
enum class Markers : std::uint8_t { kTokens, kText };
// python_steps, what counts as a failed execution. kOutcome: the verifier's outcome. kWordError:
// "error" anywhere in the output (rStar-Math's released code).
enum class ErrorRule : std::uint8_t { kOutcome, kWordError };
// python_steps, which step is an answer step. kMarker: it ends with <end_of_answer>. kBoxed: it
// contains "boxed" anywhere (released code).
enum class AnswerRule : std::uint8_t { kMarker, kBoxed };
// answer_only, what a step is: a line, or the whole response.
enum class StepUnit : std::uint8_t { kLine, kWhole };

struct EnvironmentOptions {
  std::string kind = "python_steps";
  PromptOptions prompt;
  std::string examples;  // File of worked solutions shown before the problem; "": none.
  int shots = 0;         // First so many of them; 0: all.
  int max_step_tokens = 2048;
  std::vector<std::string> extra_tokens;
  // python_steps
  Markers markers = Markers::kTokens;
  bool prompt_drift = false;
  int max_output_chars = 1024;
  ObservationStyle output_style = ObservationStyle::kPlain;
  std::string output_lead = "\n";
  ErrorRule error_rule = ErrorRule::kOutcome;
  AnswerRule answer_rule = AnswerRule::kMarker;
  // answer_only
  StepUnit step = StepUnit::kLine;
  std::string answer_marker;  // The answer is the rest of its line; "": the last \boxed{}.
};
void Bind(Settings& settings, EnvironmentOptions& options);

}  // namespace gradus
