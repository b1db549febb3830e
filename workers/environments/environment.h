#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "schemas/problem.h"
#include "schemas/tree.h"
#include "verify/verifier.h"
#include "workers/environments/options.h"

namespace gradus {

// One sample of the policy.
struct Sample {
  std::string_view text;  // Without the token that ends a text.
  bool ended = false;     // The policy wrote that token.
};

// What one sample says.
struct StepReading {
  enum class Kind : std::uint8_t { kStep, kAnswer, kMalformed };
  Kind kind = Kind::kMalformed;
  bool runs = false;      // kStep: the verifier is to run `source` behind the steps before it.
  std::string source;     // kStep: code or tactic, markers removed; "" adds nothing.
  bool observed = false;  // kStep: what running showed is written behind the step.
  std::string answer;     // kAnswer: "" when the step ends the trajectory without one.
  std::string reason;     // kMalformed.
};

// How text becomes steps and steps become trajectories: all that makes a recipe's texts its own.
// Pure functions of their arguments; running and judging is a verifier's job. Any thread.
class Environment {
 public:
  virtual ~Environment() = default;

  // Texts that the model needs as single tokens, in the order they get ids.
  virtual std::vector<std::string> Tokens() const { return {}; }

  // What the policy continues in the search, and in training rows.
  virtual std::string SearchPrompt(const Problem& problem) const = 0;
  virtual std::string TrainingPrompt(const Problem& problem) const { return SearchPrompt(problem); }

  // A sample ends with the first of these (kept in it), or where the policy ends the text.
  virtual std::vector<std::string> Stops() const = 0;
  virtual StepReading Read(const Sample& sample) const = 0;
  // Whether a sampled text ends its trajectory, judged by the text alone.
  virtual bool Finishes(std::string_view text) const = 0;

  // The state that a child of `node` continues: what a verifier has to run before it.
  virtual State StateAt(const Problem& problem, const Tree& tree, std::int32_t node) const = 0;
  // What the world writes behind a step that ran; "" for nothing.
  virtual std::string Observe(const StepReading& reading, const Report& report) const = 0;
  // Whether a step that ended so counts as failed.
  virtual bool Failed(const Report& report) const { return report.end != End::kFine; }

  // What the world writes stands between these two texts in a worked solution: a model does not
  // learn to write it where the recipe says so.
  virtual std::optional<std::pair<std::string, std::string>> WorldText() const { return {}; }
  // SHA-256 of all that shapes a prompt; stored with each tree.
  virtual std::string PromptDigest() const = 0;
};

// An environment that `environment.kind` may name.
struct EnvironmentKind {
  const char* name;
  const char* about;          // One line.
  bool needs_python = false;  // Its steps are programs in Python.
  std::unique_ptr<Environment> (*make)(const EnvironmentOptions& options,
                                       std::vector<Demonstration> examples);
};
const std::vector<EnvironmentKind>& BuiltInEnvironmentKinds();
// All that this program knows. Nothing else is in kinds.cpp, so that a program built elsewhere may
// define this function itself and so know more (docs/extending.md).
const std::vector<EnvironmentKind>& EnvironmentKinds();

// Throws Error listing the known names.
const EnvironmentKind& FindEnvironmentKind(const std::string& name);
// Reads the file of examples, if one is named. Throws Error.
std::unique_ptr<Environment> MakeEnvironment(const EnvironmentOptions& options);

}  // namespace gradus
