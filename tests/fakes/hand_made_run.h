#pragma once
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "orchestrator/measure/round_metrics.h"
#include "orchestrator/selection/selection.h"
#include "schemas/base/file.h"
#include "schemas/base/log.h"
#include "schemas/files/ledger.h"
#include "schemas/files/manifest.h"
#include "schemas/files/run_files.h"
#include "schemas/files/shard.h"
#include "schemas/files/training_row.h"
#include "tests/fakes/hand_made_tree.h"

namespace gradus {

// Writes a run directory that a real run could have left: arithmetic problems of levels 1 to 4,
// whose trees get better from round to round, and a last round in flight whose results stand in the
// ledger only.
class HandMadeRun {
 public:
  HandMadeRun(std::filesystem::path root, int rounds) : files_{std::move(root)}, rounds_(rounds) {
    std::filesystem::remove_all(files_.root);
    MakeFolder(files_.root);
    WriteProblems();
    WriteFileAtomically(files_.Config(), "problems:\n  train: " + problems_file() +
                                             "\nselection:\n  sft_per_problem: 2\n");
    for (int round = 0; round <= rounds; ++round) WriteRound(round);
    WriteRoundInFlight(rounds + 1);
    WriteProgress();
  }

  const RunFiles& files() const { return files_; }
  std::string problems_file() const { return (files_.root / "problems.jsonl").string(); }
  const std::vector<Problem>& problems() const { return problems_; }
  const std::vector<Tree>& trees(int round) const {
    return trees_[static_cast<std::size_t>(round)];
  }

 private:
  void WriteProblems() {
    std::string lines;
    for (int i = 0; i < 24; ++i) {
      Problem problem{"expr-" + std::to_string(i),
                      "(" + std::to_string(i % 9 + 1) + "+2)*3",
                      std::to_string((i % 9 + 3) * 3),
                      std::to_string(i % 4 + 1),
                      "",
                      {}};
      lines += nlohmann::json{{"id", problem.id},
                              {"problem", problem.problem},
                              {"answer", problem.answer},
                              {"level", problem.level}}
                   .dump() +
               "\n";
      problems_.push_back(problem);
    }
    WriteFileAtomically(problems_file(), lines);
  }

  Tree MakeTree(int round, std::uint32_t index) {
    const Problem& problem = problems_[index];
    HandMadeTree builder(0, problem.problem + "<code>\n");
    Tree& tree = builder.tree();
    tree.key = {static_cast<std::uint32_t>(round), Phase::kRollout, index, 0};
    tree.problem_id = problem.id;
    tree.seed = SeedOf(7, tree.key);
    tree.policy_digest = Sha256("policy " + std::to_string(round));
    if (round > 1) tree.ppm_digest = Sha256("ppm " + std::to_string(round));
    tree.prompt_digest = Sha256("prompt");
    tree.verifier = "grader 1; python 3";
    tree.cost = {400 + 10 * index, 0, 12, 8, 0, 0, 0, 0, 0, "", 0};
    Random random(tree.seed);
    const double skill = 0.9 - 0.55 * (index % 4) / 4 + 0.12 * (round - 1);
    for (int branch = 0; branch < 3; ++branch) Grow(builder, random, skill, problem, branch);
    return tree;
  }

  void Grow(HandMadeTree& builder, Random& random, double skill, const Problem& problem,
            int branch) {
    const bool right = random.Uniform() < skill;
    const double q = std::round(16 * (right ? 0.6 : -0.5)) / 16 - branch / 16.0;
    const int first =
        builder.Step(0, "a=" + std::to_string(branch) + "+2<end_of_step>", q, 6 - branch);
    builder[first].exec_outcome = "ok";
    builder[first].has_ppm = true;
    builder[first].ppm = static_cast<float>(q / 2);
    const std::string value = right ? problem.answer : problem.answer + "1";
    const int second = builder.Step(first, "a=a*3<end_of_step>\nprint(a)<end_of_code>", q, 3,
                                    "<output>" + value + "<end_of_output>");
    builder[second].exec_outcome = "ok";
    const std::string answer = "<answer>\\boxed{" + value + "}<end_of_answer>";
    const int leaf = builder.Answer(second, answer, right ? Verdict::kCorrect : Verdict::kWrong);
    builder[leaf].answer = value;
    if (branch == 1) builder.Failed(first, "a=a/0<end_of_step>", "exception");
  }

  void WriteRound(int round) {
    MakeFolder(files_.Round(round));
    trees_.emplace_back();
    nlohmann::ordered_json metrics = {{"round", round}, {"eval", Eval(round)}};
    if (round > 0) {
      MakeFolder(files_.Shards(round));
      for (std::uint32_t i = 0; i < problems_.size(); ++i)
        trees_.back().push_back(MakeTree(round, i));
      const auto& trees = trees_.back();
      for (std::size_t i = 0; i < trees.size(); i += 8) {
        const std::string name = fmt::format("rollout-{:06}.h5", i / 8);
        WriteShard(files_.Shards(round) / name, "hand-made",
                   {trees.begin() + static_cast<std::ptrdiff_t>(i),
                    trees.begin() + static_cast<std::ptrdiff_t>(i + 8)});
      }
      RoundMeter meter(problems_);
      for (const Tree& tree : trees) meter.Add(tree);
      metrics.update(ToJson(meter.Metrics()));
      metrics["cost"]["seconds_per_solved"] = 1.5 / round;
      metrics["ppm"] = {{"pair_accuracy", 0.55 + 0.07 * round},
                        {"pairs", 2000 + 300 * round},
                        {"held_out_pairs", 150}};
      WriteSelection(round, metrics);
    }
    metrics["phases"] = {{"rollout", 30.0 + round}, {"hard1", 8.0},      {"select", 0.4},
                         {"train_policy", 22.0},    {"train_ppm", 11.0}, {"evaluate", 6.0}};
    Manifest manifest;
    manifest.round = round;
    manifest.run_id = "hand-made";
    manifest.config_digest = Sha256("config");
    manifest.content_digest = Sha256(std::to_string(round));
    manifest.files = ListFiles(files_.Round(round));
    manifest.metrics = metrics.dump();
    WriteManifest(files_.Manifest(round), manifest);
  }

  static nlohmann::ordered_json Eval(int round) {
    const double greedy = 0.35 + 0.08 * round - 0.008 * round * round,
                 control = 0.35 + 0.02 * round;
    nlohmann::ordered_json eval = {{"n", 96}, {"greedy", greedy}};
    for (int level = 1; level <= 4; ++level) {
      eval["greedy_by_level"][std::to_string(level)] =
          std::clamp(greedy + 0.5 - 0.22 * level, 0.0, 1.0);
    }
    eval["greedy_interval"] = {greedy - 0.09, greedy + 0.09};
    if (round == 0) return eval;
    eval["control"] = control;
    eval["control_interval"] = {control - 0.09, control + 0.09};
    for (int level = 1; level <= 4; ++level) {
      eval["control_by_level"][std::to_string(level)] =
          std::clamp(control + 0.5 - 0.22 * level, 0.0, 1.0);
    }
    eval["k"] = 4;
    eval["pass_at_k"] = greedy + 0.14;
    for (int k : {1, 2, 3, 4}) eval["pass_at"][std::to_string(k)] = greedy + 0.14 * (k - 1) / 3;
    eval["majority"] = greedy + 0.03;
    eval["ppm_guided"] = greedy + 0.04;
    return eval;
  }

  void WriteSelection(int round, nlohmann::ordered_json& metrics) {
    MakeFolder(files_.Selection(round));
    std::vector<SftRow> rows;
    std::vector<PreferencePair> pairs;
    for (const Tree& tree : trees_.back()) {
      const Problem& problem = problems_[tree.key.problem];
      for (SftRow& row : SelectSft({tree}, problem, PaperSelection(), {0}))
        rows.push_back(std::move(row));
      for (PreferencePair& pair : SelectPairs({tree}, problem, PaperSelection()))
        pairs.push_back(std::move(pair));
    }
    WriteSftRows(files_.Sft(round), rows);
    WritePairs(files_.Pairs(round), pairs);
    metrics["sft_rows"] = rows.size();
    metrics["selection"] = {
        {"sft_rows", rows.size()}, {"pairs", pairs.size()}, {"held_out_pairs", 0}};
    metrics["training"]["train_policy"] = {{"steps", 300},       {"tokens", 120000},
                                           {"dropped_rows", 0},  {"skipped_steps", 0},
                                           {"first_loss", 0.41}, {"last_loss", 0.12}};
  }

  void WriteRoundInFlight(int round) {
    MakeFolder(files_.Shards(round));
    trees_.push_back({MakeTree(round, 0), MakeTree(round, 1)});
    Ledger ledger(files_.Ledger(), [](const Record&) {});
    for (const Tree& tree : trees_.back()) ledger.Append(RecordKind::kResult, SerializeTree(tree));
    ledger.Sync();
  }

  void WriteProgress() const {
    const nlohmann::json progress = {{"round", rounds_ + 1},
                                     {"phase", "rollout"},
                                     {"unit", "problems"},
                                     {"done", 2},
                                     {"total", 24},
                                     {"rate", 1.5},
                                     {"eta_s", 14.7},
                                     {"workers", 3},
                                     {"unix_s", WallSeconds()},
                                     {"alarms", {"2 answers could not be verified"}}};
    WriteFileAtomically(files_.Progress(), progress.dump());
  }

  RunFiles files_;
  int rounds_;
  std::vector<Problem> problems_;
  std::vector<std::vector<Tree>> trees_;  // By round.
};

}  // namespace gradus
