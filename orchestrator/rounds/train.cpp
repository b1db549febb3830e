#include "orchestrator/rounds/train.h"

#include <nlohmann/json.hpp>

#include "orchestrator/rounds/demonstrations.h"
#include "orchestrator/rounds/part.h"
#include "schemas/base/file.h"
#include "schemas/files/training_row.h"
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

TrainRequest Request(const Campaign& c, TrainKind kind, RoundIndex round, const std::string& part,
                     const std::filesystem::path& model, const std::filesystem::path& output) {
  TrainRequest request;
  request.kind = kind;
  request.order.model = model;
  request.order.output = output;
  request.order.checkpoints = c.files.Trainer(round) / part;
  request.order.seed = MixSeed(c.config.run.seed, part, static_cast<std::uint64_t>(round));
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
    for (const Problem& p : *problems) check(p.id, c.environment.TrainingPrompt(p));
  }
  for (const Demonstration& d : c.demonstrations)
    check(d.problem.id, d.problem.problem + d.solution);
}

constexpr const char* kPolicyPart = "train_policy";
constexpr const char* kControlPart = "train_control";
constexpr const char* kPpmPart = "train_ppm";
constexpr const char* kBootstrapPart = "train_bootstrap";

}  // namespace

void PrepareBase(Campaign& c) {
  RunOnce(c, {0, "prepare"}, [&] {
    const std::filesystem::path base = c.files.Round(0) / "base";
    MakeFolder(c.files.Round(0));
    std::vector<std::string> tokens = c.environment.Tokens();
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
                   DemonstrationRows(c.demonstrations, c.environment, Tokenizer::Load(base),
                                     c.config.selection.mask_output));
    }
    return fmt::format("{} demonstrations", c.demonstrations.size());
  });
}

void TrainBootstrapPart(Campaign& c) {
  const std::filesystem::path base = c.files.Round(0) / "base";
  if (c.demonstrations.empty()) {
    RunOnce(c, {0, kBootstrapPart}, [&] {
      CopyModel(base, c.files.Policy(0));
      return std::string("no demonstrations: the base model is the first policy");
    });
    return;
  }
  TrainRequest request =
      Request(c, TrainKind::kBootstrap, 0, kBootstrapPart, base, c.files.Policy(0));
  request.order.data = {c.files.Sft(0)};
  RunTrainingPart(c, {0, kBootstrapPart}, request);
}

void TrainPolicyPart(Campaign& c, const RoundPlan& plan) {
  const PartId part{plan.round, kPolicyPart};
  const std::vector<std::filesystem::path> data = PolicyData(c, plan.round);
  if (!c.recorder.IsDone(part) && !AnySftRow(data)) {
    c.display.Alarm(
        fmt::format("round {}: no correct trajectory and no demonstrations to train on: "
                    "the policy stays as it is",
                    plan.round));
    RunOnce(c, part, [&] {
      CopyModel(plan.policy, c.files.Policy(plan.round));
      WriteFileAtomically(c.files.Round(plan.round) / (part.name + ".json"),
                          ToText(TrainReport{}) + "\n");
      return std::string("no rows");
    });
    return;
  }
  TrainRequest request = Request(c, TrainKind::kPolicy, plan.round, kPolicyPart, plan.base,
                                 c.files.Policy(plan.round));
  request.order.data = data;
  RunTrainingPart(c, part, request);
}

void TrainControlPart(Campaign& c, const RoundPlan& plan) {
  if (!c.config.control.enabled) return;
  const TrainReport policy = RunTrainingPart(c, {plan.round, kPolicyPart}, {});
  const bool from_base = c.config.policy.train_from == TrainFrom::kBase || plan.round == 1;
  TrainRequest request = Request(c, TrainKind::kPolicy, plan.round, kControlPart,
                                 from_base ? c.files.Policy(0) : c.files.Control(plan.round - 1),
                                 c.files.Control(plan.round));
  request.order.data = {c.files.Sft(0)};
  request.steps = policy.steps;
  RunTrainingPart(c, {plan.round, kControlPart}, request);
}

void TrainPpmPart(Campaign& c, const RoundPlan& plan) {
  if (!c.config.ppm.enabled) return;
  const PartId part{plan.round, kPpmPart};
  const std::vector<std::filesystem::path> data = PairData(c, plan.round);
  if (!c.recorder.IsDone(part) && !AnyPair(data)) {
    RunOnce(c, part, [&] {
      WriteFileAtomically(c.files.Round(plan.round) / (part.name + ".json"),
                          ToText(TrainReport{}) + "\n");
      return std::string("no pairs: no PPM in this round");
    });
    return;
  }
  TrainRequest request = Request(c, TrainKind::kPpm, plan.round, kPpmPart,
                                 c.files.Policy(plan.round), c.files.Ppm(plan.round));
  request.order.data = data;
  request.order.held_out = c.files.HeldOutPairs(plan.round);
  RunTrainingPart(c, part, request);
}

}  // namespace gradus
