#pragma once
#include <memory>
#include <string>
#include <vector>

#include "workers/environments/environment.h"

namespace gradus {

// A chain of thought in words and a final answer, as RLVR, STaR and self-consistency want it.
// Nothing runs: a step is a line, or the whole response is one; the answer stands in \boxed{} or
// behind a marker such as "####".
class AnswerOnly final : public Environment {
 public:
  explicit AnswerOnly(EnvironmentOptions options, std::vector<Demonstration> examples = {});

  std::string SearchPrompt(const Problem& problem) const override;
  std::vector<std::string> Stops() const override;
  // A line with an answer ends the trajectory, as does the end of the text. A whole response that
  // did not end is malformed, whatever it says.
  StepReading Read(const Sample& sample) const override;
  bool Finishes(std::string_view text) const override;
  State StateAt(const Problem& problem, const Tree& tree, std::int32_t node) const override;
  std::string Observe(const StepReading& reading, const Report& report) const override;
  std::string PromptDigest() const override;

 private:
  const EnvironmentOptions options_;
  const std::vector<Demonstration> examples_;
};

std::unique_ptr<Environment> MakeAnswerOnly(const EnvironmentOptions& options,
                                            std::vector<Demonstration> examples);

}  // namespace gradus
