#include "workers/environments/answer_only.h"

#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "verify/answers/grader.h"

namespace gradus {
namespace {

constexpr const char* kBox = "\\boxed{";

// The rest of the line behind the last marker, blanks around it removed; "" without one.
std::string BehindMarker(std::string_view text, const std::string& marker) {
  const std::size_t at = text.rfind(marker);
  if (at == std::string_view::npos) return "";
  text.remove_prefix(at + marker.size());
  text = text.substr(0, text.find('\n'));
  const std::size_t first = text.find_first_not_of(" \t\r:");
  if (first == std::string_view::npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(" \t\r") - first + 1));
}

}  // namespace

AnswerOnly::AnswerOnly(EnvironmentOptions options, std::vector<Demonstration> examples)
    : options_(std::move(options)), examples_(std::move(examples)) {}

std::string AnswerOnly::SearchPrompt(const Problem& problem) const {
  return BuildPrompt(options_.prompt, examples_, problem);
}

std::vector<std::string> AnswerOnly::Stops() const {
  return options_.step == StepUnit::kLine ? std::vector<std::string>{"\n"}
                                          : std::vector<std::string>();
}

bool AnswerOnly::Finishes(std::string_view text) const {
  const std::string& marker = options_.answer_marker;
  return text.find(marker.empty() ? kBox : marker) != std::string_view::npos;
}

StepReading AnswerOnly::Read(const Sample& sample) const {
  StepReading reading;
  const bool whole = options_.step == StepUnit::kWhole;
  const bool cut = !sample.ended && (whole || sample.text.find('\n') == std::string_view::npos);
  if (cut) {
    reading.reason = "unfinished-step";
    return reading;
  }
  if (!sample.ended && !Finishes(sample.text)) {
    reading.kind = StepReading::Kind::kStep;
    return reading;
  }
  reading.kind = StepReading::Kind::kAnswer;
  // Only an announced answer: the last number of a text would be a guess.
  if (!Finishes(sample.text)) return reading;
  reading.answer = options_.answer_marker.empty()
                       ? ExtractAnswer(sample.text)
                       : BehindMarker(sample.text, options_.answer_marker);
  return reading;
}

State AnswerOnly::StateAt(const Problem&, const Tree&, std::int32_t) const { return {}; }

std::string AnswerOnly::Observe(const StepReading&, const Report&) const { return ""; }

std::string AnswerOnly::PromptDigest() const {
  return Sha256(fmt::format("answer_only\x1f{}\x1f{}\x1f{}",
                            PromptContent(options_.prompt, examples_),
                            static_cast<int>(options_.step), options_.answer_marker));
}

std::unique_ptr<Environment> MakeAnswerOnly(const EnvironmentOptions& options,
                                            std::vector<Demonstration> examples) {
  if (options.markers != Markers::kTokens) {
    Fail("environment.markers: answer_only has none; only python_steps does");
  }
  return std::make_unique<AnswerOnly>(options, std::move(examples));
}

}  // namespace gradus
