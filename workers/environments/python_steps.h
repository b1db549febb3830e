#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "schemas/base/settings.h"
#include "schemas/problem.h"
#include "schemas/tree.h"
#include "verify/answers/grader.h"
#include "verify/python/python_executor.h"
#include "workers/environments/observation.h"
#include "workers/search/options.h"

namespace gradus {

// The code-augmented steps of rStar-Math: Python in steps closed by <end_of_step>, a block closed
// by <end_of_code>, whose output the harness writes between <output> markers, then an answer closed
// by <end_of_answer> with the result in \boxed{}. Pure functions on text; running is somebody
// else's job.

// The marker tokens (rStar-Math §2.7); all are single added tokens of the tokenizer.
namespace marker {
inline constexpr const char* kCode = "<code>";
inline constexpr const char* kEndOfStep = "<end_of_step>";
inline constexpr const char* kEndOfCode = "<end_of_code>";
inline constexpr const char* kOutput = "<output>";
inline constexpr const char* kEndOfOutput = "<end_of_output>";
inline constexpr const char* kAnswer = "<answer>";
inline constexpr const char* kEndOfAnswer = "<end_of_answer>";
inline constexpr const char* kUser = "<|user|>";
inline constexpr const char* kAssistant = "<|assistant|>";
}  // namespace marker

// All tokens a model needs for this environment, in the order they get ids.
std::vector<std::string> MarkerTokens();

struct EnvironmentOptions {
  std::string prompt =
      "<|user|>:\n{problem}\n<|assistant|>: Let's think step by step and solve the problem with "
      "code.";
  bool prompt_drift = false;
  int max_step_tokens = 2048;
  int max_output_chars = 1024;
  ObservationStyle output_style = ObservationStyle::kPlain;
  std::string output_lead = "\n";
  GraderMode grader = GraderMode::kStrict;
  std::vector<std::string> extra_tokens;
};
void Bind(Settings& settings, EnvironmentOptions& options);

// The text the policy continues: in search, and (without the released code's drift) in training.
std::string SearchPrompt(const EnvironmentOptions& options, const Problem& problem);
std::string TrainingPrompt(const EnvironmentOptions& options, const Problem& problem);
// SHA-256 over everything that shapes a prompt; stored with each tree.
std::string PromptDigest(const EnvironmentOptions& options);

// What one step's text says.
struct StepReading {
  enum class Kind : std::uint8_t { kCode, kAnswer, kMalformed };
  Kind kind = Kind::kMalformed;
  std::string code;           // kCode: the Python of this step, markers removed.
  bool closes_block = false;  // kCode: <end_of_code> was written.
  std::string answer;         // kAnswer: content of the last \boxed{}.
  std::string reason;         // kMalformed.
};
StepReading ReadStep(std::string_view text, AnswerRule rule);

// The code of the block that a child of `node` continues, one entry per ancestor step: back to the
// last closed block. Ancestors that ran into a time limit are left out, as in the released code.
std::vector<std::string> BlockSteps(const Tree& tree, std::int32_t node);

// What the model is shown after a closed block.
std::string OutputText(const EnvironmentOptions& options, const ExecResult& result);

// Whether an execution counts as failed under the rule.
bool Failed(const ExecResult& result, ErrorRule rule);

}  // namespace gradus
