#include "workers/environments/options.h"

#include "schemas/base/settings.h"

namespace gradus {
namespace {

void BindPythonSteps(Settings& s, EnvironmentOptions& o) {
  s.Choice("markers", o.markers, {{"tokens", Markers::kTokens}, {"text", Markers::kText}},
           "python_steps: step markers are single tokens added to the model, or plain text");
  s.Field("prompt_drift", o.prompt_drift,
          "released code: the search prompt has one newline more before the assistant marker");
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
  s.Choice("error_rule", o.error_rule,
           {{"outcome", ErrorRule::kOutcome}, {"word_error", ErrorRule::kWordError}},
           "failed execution: by outcome, or also by the word error in the output (code)");
  s.Choice("answer_rule", o.answer_rule,
           {{"marker", AnswerRule::kMarker}, {"boxed", AnswerRule::kBoxed}},
           "answer step: closed by <end_of_answer>, or containing the word boxed (code)");
}

void BindAnswerOnly(Settings& s, EnvironmentOptions& o) {
  s.Choice("step", o.step, {{"line", StepUnit::kLine}, {"whole", StepUnit::kWhole}},
           "answer_only: a step is a line, or the whole response");
  s.Field("answer_marker", o.answer_marker,
          "answer_only: the answer follows this text in its line; empty: it stands in \\boxed{}");
}

}  // namespace

void Bind(Settings& s, EnvironmentOptions& o) {
  s.Field("kind", o.kind, "python_steps: Python step by step; answer_only: reasoning in words");
  Bind(s, o.prompt);
  s.Field("examples", o.examples,
          "worked solutions shown before the problem (JSON lines as in bootstrap.demonstrations)");
  s.Field("shots", o.shots, {0, 1000}, "first so many examples; 0: all of the file");
  s.Field("max_step_tokens", o.max_step_tokens, {1, 1e6},
          "tokens of one step, stop marker included");
  s.Field("extra_tokens", o.extra_tokens,
          "strings added as single tokens to a model made from nothing");
  BindPythonSteps(s, o);
  BindAnswerOnly(s, o);
}

}  // namespace gradus
