#include <nlohmann/json.hpp>

#include "orchestrator/rounds/demonstrations.h"
#include "orchestrator/rounds/part.h"
#include "orchestrator/rounds/phases.h"
#include "schemas/base/file.h"
#include "schemas/training_row.h"
#include "workers/models/hf_folder.h"
#include "workers/models/tokenizer/tokenizer.h"

namespace gradus {
namespace {

std::vector<std::filesystem::path> PolicyData(const Campaign& c, RoundIndex round) {
  std::vector<std::filesystem::path> data;
  if (c.config.selection.include_demonstrations) data.push_back(c.files.Sft(0));
  const bool all = c.config.selection.data_rounds == DataRounds::kAll;
  for (RoundIndex r = all ? 1 : round; r <= round; ++r) data.push_back(c.files.Sft(r));
  return data;
}

std::vector<std::filesystem::path> PairData(const Campaign& c, RoundIndex round) {
  std::vector<std::filesystem::path> data;
  const bool all = c.config.selection.data_rounds == DataRounds::kAll;
  for (RoundIndex r = all ? 1 : round; r <= round; ++r) data.push_back(c.files.Pairs(r));
  return data;
}

bool AnySftRow(const std::vector<std::filesystem::path>& files) {
  for (const auto& file : files) {
    if (CountSftRows(file) > 0) return true;
  }
  return false;
}

bool AnyPair(const std::vector<std::filesystem::path>& files) {
  for (const auto& file : files) {
    if (CountPairs(file) > 0) return true;
  }
  return false;
}

TrainRequest Request(const Campaign& c, TrainKind kind, RoundIndex round, const std::string& phase,
                     const std::filesystem::path& model, const std::filesystem::path& output) {
  TrainRequest request;
  request.kind = kind;
  request.order.model = model;
  request.order.output = output;
  request.order.checkpoints = c.files.Trainer(round) / phase;
  request.order.seed = MixSeed(c.config.run.seed, phase, static_cast<std::uint64_t>(round));
  return request;
}

// The folder appears whole or not.
void CopyModel(const std::filesystem::path& from, const std::filesystem::path& to) {
  const std::filesystem::path temporary = to.string() + ".tmp";
  std::filesystem::remove_all(temporary);
  std::filesystem::copy(from, temporary, std::filesystem::copy_options::recursive);
  std::filesystem::rename(temporary, to);
  SyncFolder(to.parent_path());
}

// A character without a token would vanish from the prompt without a trace.
void CheckAlphabet(const Campaign& c, const Tokenizer& tokenizer) {
  const auto check = [&](const std::string& id, const std::string& text) {
    if (tokenizer.Decode(tokenizer.Encode(text)) == text) return;
    Fail("problem {}: a character has no token; add it to policy.random.alphabet", id);
  };
  for (const std::vector<Problem>* problems : {&c.problems, &c.held_out}) {
    for (const Problem& p : *problems) check(p.id, TrainingPrompt(c.config.rollout.environment, p));
  }
  for (const Demonstration& d : c.demonstrations)
    check(d.problem.id, d.problem.problem + d.solution);
}

constexpr const char* kPolicyPhase = "train_policy";
constexpr const char* kControlPhase = "train_control";
constexpr const char* kPpmPhase = "train_ppm";
constexpr const char* kBootstrapPhase = "train_bootstrap";

}  // namespace

void PrepareBase(Campaign& c) {
  RunOnce(c, {0, "prepare"}, [&] {
    const std::filesystem::path base = c.files.Round(0) / "base";
    MakeFolder(c.files.Round(0));
    std::vector<std::string> tokens = MarkerTokens();
    const std::vector<std::string>& extra = c.config.rollout.environment.extra_tokens;
    const Seed seed = MixSeed(c.config.run.seed, "init");
    if (c.config.policy.init == "random") {
      tokens.insert(tokens.end(), extra.begin(), extra.end());
      MakeRandomModel(base, c.config.policy.random, tokens, seed);
      CheckAlphabet(c, Tokenizer::Load(base));
    } else {
      AddTokens(c.config.policy.init, base, tokens, seed);
    }
    if (!c.demonstrations.empty()) {
      MakeFolder(c.files.Selection(0));
      WriteSftRows(c.files.Sft(0),
                   DemonstrationRows(c.demonstrations, c.config.rollout.environment,
                                     Tokenizer::Load(base), c.config.selection.mask_output));
    }
    return fmt::format("{} demonstrations", c.demonstrations.size());
  });
}

void TrainBootstrapPhase(Campaign& c) {
  const std::filesystem::path base = c.files.Round(0) / "base";
  if (c.demonstrations.empty()) {
    RunOnce(c, {0, kBootstrapPhase}, [&] {
      CopyModel(base, c.files.Policy(0));
      return std::string("no demonstrations: the base model is the first policy");
    });
    return;
  }
  TrainRequest request =
      Request(c, TrainKind::kBootstrap, 0, kBootstrapPhase, base, c.files.Policy(0));
  request.order.data = {c.files.Sft(0)};
  RunTraining(c, {0, kBootstrapPhase}, request);
}

void TrainPolicyPhase(Campaign& c, const RoundPlan& plan) {
  const PartId phase{plan.round, kPolicyPhase};
  const std::vector<std::filesystem::path> data = PolicyData(c, plan.round);
  if (!c.recorder.IsDone(phase) && !AnySftRow(data)) {
    c.display.Alarm(
        fmt::format("round {}: no correct trajectory and no demonstrations to train on: "
                    "the policy stays as it is",
                    plan.round));
    RunOnce(c, phase, [&] {
      CopyModel(plan.policy, c.files.Policy(plan.round));
      WriteFileAtomically(c.files.Round(plan.round) / (phase.name + ".json"),
                          ToText(TrainReport{}) + "\n");
      return std::string("no rows");
    });
    return;
  }
  TrainRequest request = Request(c, TrainKind::kPolicy, plan.round, kPolicyPhase, plan.base,
                                 c.files.Policy(plan.round));
  request.order.data = data;
  RunTraining(c, phase, request);
}

void TrainControlPhase(Campaign& c, const RoundPlan& plan) {
  if (!c.config.control.enabled) return;
  const TrainReport policy = RunTraining(c, {plan.round, kPolicyPhase}, {});
  const bool from_base = c.config.policy.train_from == TrainFrom::kBase || plan.round == 1;
  TrainRequest request = Request(c, TrainKind::kPolicy, plan.round, kControlPhase,
                                 from_base ? c.files.Policy(0) : c.files.Control(plan.round - 1),
                                 c.files.Control(plan.round));
  request.order.data = {c.files.Sft(0)};
  request.steps = policy.steps;
  RunTraining(c, {plan.round, kControlPhase}, request);
}

void TrainPpmPhase(Campaign& c, const RoundPlan& plan) {
  if (!c.config.ppm.enabled) return;
  const PartId phase{plan.round, kPpmPhase};
  const std::vector<std::filesystem::path> data = PairData(c, plan.round);
  if (!c.recorder.IsDone(phase) && !AnyPair(data)) {
    RunOnce(c, phase, [&] {
      WriteFileAtomically(c.files.Round(plan.round) / (phase.name + ".json"),
                          ToText(TrainReport{}) + "\n");
      return std::string("no pairs: no PPM in this round");
    });
    return;
  }
  TrainRequest request = Request(c, TrainKind::kPpm, plan.round, kPpmPhase,
                                 c.files.Policy(plan.round), c.files.Ppm(plan.round));
  request.order.data = data;
  request.order.held_out = c.files.HeldOutPairs(plan.round);
  RunTraining(c, phase, request);
}

}  // namespace gradus
