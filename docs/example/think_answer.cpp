// An environment of one's own: a thought between <think> and </think>, then a result between <answer> and </answer>.
#include "workers/environments/environment.h"
#include "schemas/base/file.h"

namespace {
using namespace gradus;

class ThinkAnswer final : public Environment {
 public:
  explicit ThinkAnswer(EnvironmentOptions options) : options_(std::move(options)) {}

  std::string SearchPrompt(const Problem& problem) const override {
    return BuildPrompt(options_.prompt, {}, problem);
  }
  // A sample ends behind one of these.
  std::vector<std::string> Stops() const override { return {"</think>", "</answer>"}; }
  bool Finishes(std::string_view text) const override { return text.ends_with("</answer>"); }

  StepReading Read(const Sample& sample) const override {
    constexpr std::string_view kOpen = "<answer>", kClose = "</answer>";
    StepReading reading;
    const std::size_t open = sample.text.find(kOpen), close = sample.text.find(kClose);
    if (close != std::string_view::npos && open < close) {
      reading.kind = StepReading::Kind::kAnswer;
      reading.answer = sample.text.substr(open + kOpen.size(), close - open - kOpen.size());
    } else if (sample.text.ends_with("</think>")) {
      reading.kind = StepReading::Kind::kStep;
    } else {
      reading.reason = "neither a thought nor an answer";
    }
    return reading;
  }

  // Nothing runs, so there is no state and nothing to show.
  State StateAt(const Problem&, const Tree&, std::int32_t) const override { return {}; }
  std::string Observe(const StepReading&, const Report&) const override { return ""; }
  std::string PromptDigest() const override {
    return Sha256("think_answer" + PromptContent(options_.prompt, {}));
  }

 private:
  const EnvironmentOptions options_;
};

std::unique_ptr<Environment> MakeThinkAnswer(const EnvironmentOptions& options,
                                             std::vector<Demonstration>) {
  return std::make_unique<ThinkAnswer>(options);
}

}  // namespace

// This program knows all of gradus's environments, and one more.
const std::vector<EnvironmentKind>& gradus::EnvironmentKinds() {
  static const std::vector<EnvironmentKind> kinds = [] {
    std::vector<EnvironmentKind> all = BuiltInEnvironmentKinds();
    all.push_back({"think_answer", "a thought, then an answer", false, MakeThinkAnswer});
    return all;
  }();
  return kinds;
}
