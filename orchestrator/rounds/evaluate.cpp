#include "orchestrator/rounds/evaluate.h"

#include <nlohmann/json.hpp>

#include "orchestrator/measure/evaluation.h"
#include "orchestrator/rounds/part.h"
#include "schemas/base/file.h"
#include "verify/answers/grader.h"

namespace gradus {
namespace {

bool SameAnswerByGrader(std::string_view a, std::string_view b) {
  return a == b || Grade(a, b).verdict == Verdict::kCorrect;
}

bool OfControl(const Key& key) {
  return static_cast<EvalMethod>(key.attempt) == EvalMethod::kControlGreedy;
}

}  // namespace

void Evaluate(Campaign& c, RoundIndex round) {
  if (c.held_out.empty() || c.recorder.IsDone({round, "measure"})) return;
  EvalModels models;
  models.ppm = std::filesystem::exists(c.files.Ppm(round));
  models.control = std::filesystem::exists(c.files.Control(round));
  std::vector<Key> policy_keys, control_keys;
  for (const Key& key : EvaluationKeys(round, c.held_out, c.config.evaluation, models)) {
    (OfControl(key) ? control_keys : policy_keys).push_back(key);
  }
  const PartId evaluate{round, "evaluate"}, control{round, "control"};
  const std::string ppm = models.ppm ? c.files.Ppm(round).string() : "";
  RunPart(c, evaluate, {c.files.Policy(round).string(), ppm}, c.held_out, policy_keys);
  if (!control_keys.empty()) {
    RunPart(c, control, {c.files.Control(round).string(), ""}, c.held_out, control_keys);
  }
  RunOnce(c, {round, "measure"}, [&] {
    EvaluationMeter meter(c.held_out, c.config.evaluation.samples, SameAnswerByGrader);
    VisitProblems({c.recorder.Shards(evaluate), c.recorder.Shards(control)},
                  [&](const std::vector<Tree>& trees) {
                    for (const Tree& tree : trees) meter.Add(tree);
                  });
    const EvalSummary& summary = meter.summary();
    WriteFileAtomically(c.files.Eval(round), ToJson(summary).dump(1) + "\n");
    std::string line = fmt::format("greedy {:.1f}%", 100 * summary.greedy.all.Value());
    if (models.control) line += fmt::format(", control {:.1f}%", 100 * summary.control.all.Value());
    return line;
  });
}

}  // namespace gradus
