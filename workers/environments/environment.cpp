#include "workers/environments/environment.h"

#include "schemas/base/error.h"

namespace gradus {
namespace {

std::vector<Demonstration> Examples(const EnvironmentOptions& options) {
  if (options.examples.empty()) return {};
  std::vector<Demonstration> examples = LoadDemonstrations(options.examples);
  const auto shots = static_cast<std::size_t>(options.shots);
  if (shots > examples.size()) {
    Fail("{}: environment.shots asks for {} examples, but there are {}", options.examples, shots,
         examples.size());
  }
  if (shots > 0) examples.resize(shots);
  return examples;
}

}  // namespace

const EnvironmentKind& FindEnvironmentKind(const std::string& name) {
  std::string known;
  for (const EnvironmentKind& kind : EnvironmentKinds()) {
    if (kind.name == name) return kind;
    known += fmt::format("{}{} ({})", known.empty() ? "" : ", ", kind.name, kind.about);
  }
  Fail("unknown environment.kind '{}'; known: {}", name, known);
}

std::unique_ptr<Environment> MakeEnvironment(const EnvironmentOptions& options) {
  return FindEnvironmentKind(options.kind).make(options, Examples(options));
}

}  // namespace gradus
