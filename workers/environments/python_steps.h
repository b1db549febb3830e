#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "workers/environments/environment.h"

namespace gradus {

// The code-augmented steps of rStar-Math: Python in steps closed by <end_of_step>, a block closed
// by <end_of_code>, whose output the world writes between <output> markers, then an answer closed
// by <end_of_answer> with the result in \boxed{}.

// The markers (rStar-Math §2.7).
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

// All of them, in the order they get ids where they are tokens.
std::vector<std::string> MarkerTokens();

class PythonSteps final : public Environment {
 public:
  explicit PythonSteps(EnvironmentOptions options, std::vector<Demonstration> examples = {});

  std::vector<std::string> Tokens() const override;
  // The released code searches with a prompt that differs from the training prompt by a newline.
  std::string SearchPrompt(const Problem& problem) const override;
  std::string TrainingPrompt(const Problem& problem) const override;
  std::vector<std::string> Stops() const override;
  StepReading Read(const Sample& sample) const override;
  bool Finishes(std::string_view text) const override;
  // The code of the block, one entry per ancestor step: back to the last closed block. Ancestors
  // that ran into a time limit are left out, as in the released code.
  State StateAt(const Problem& problem, const Tree& tree, std::int32_t node) const override;
  // What a closed block printed. A failed step that may go on closes its block itself (released
  // code, errors_threshold > 1).
  std::string Observe(const StepReading& reading, const Report& report) const override;
  bool Failed(const Report& report) const override;
  std::optional<std::pair<std::string, std::string>> WorldText() const override;
  std::string PromptDigest() const override;

 private:
  const EnvironmentOptions options_;
  const std::vector<Demonstration> examples_;
};

std::unique_ptr<Environment> MakePythonSteps(const EnvironmentOptions& options,
                                             std::vector<Demonstration> examples);

}  // namespace gradus
