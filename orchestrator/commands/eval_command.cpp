#include <CLI/CLI.hpp>
#include <condition_variable>
#include <cstdio>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>

#include "orchestrator/commands/commands.h"
#include "orchestrator/measure/evaluation.h"
#include "orchestrator/rounds/config.h"
#include "schemas/base/log.h"
#include "verify/answers/grader.h"
#include "workers/models/hf_folder.h"
#include "workers/rollout_pool.h"

namespace gradus {
namespace {

struct Arguments {
  std::string model, ppm, problems, config_file;
  std::vector<std::string> overrides;
  std::string method = "greedy";
  int n = 8;
  int candidates = 8;
  int limit = 0;
  std::uint64_t seed = 1;
  bool json = false;
};

EvalMethod MethodOf(const std::string& name) {
  if (name == "greedy") return EvalMethod::kGreedy;
  if (name == "sample") return EvalMethod::kSample;
  return EvalMethod::kSearch;
}

Config ConfigOf(const Arguments& a) {
  Config config;
  if (!a.config_file.empty()) config = LoadConfig(a.config_file, a.overrides);
  config.run.seed = a.seed;
  config.evaluation.samples = a.n;
  config.evaluation.rollouts = a.n;
  config.evaluation.candidates = a.candidates;
  return config;
}

// All problems at once over one pool; progress on stderr.
std::vector<Tree> SearchAll(const Arguments& a, const Config& config,
                            const std::vector<Problem>& problems) {
  RolloutPool pool(config.rollout, a.model, a.ppm);
  std::mutex mutex;  // Guards trees, failure, finished.
  std::condition_variable changed;
  std::vector<Tree> trees;
  std::string failure;
  std::size_t finished = 0;
  for (std::size_t i = 0; i < problems.size(); ++i) {
    RolloutTask task;
    task.key = {0, Phase::kEvaluate, static_cast<std::uint32_t>(i),
                static_cast<std::uint32_t>(MethodOf(a.method))};
    task.problem = problems[i];
    task.seed = SeedOf(config.run.seed, task.key);
    task.spec = SpecFor(config, task.key);
    if (a.ppm.empty()) task.spec.annotation = Annotation::kTerminal;
    pool.Start(
        std::move(task),
        [&](Tree tree) {
          std::lock_guard lock(mutex);
          trees.push_back(std::move(tree));
          ++finished;
          changed.notify_one();
        },
        [&](std::string reason) {
          std::lock_guard lock(mutex);
          failure = std::move(reason);
          ++finished;
          changed.notify_one();
        });
  }
  std::unique_lock lock(mutex);
  for (std::size_t shown = 0; finished < problems.size();) {
    changed.wait(lock);
    if (finished >= shown + std::max<std::size_t>(problems.size() / 10, 1)) {
      shown = finished;
      Log("{} of {} problems", finished, problems.size());
    }
  }
  if (!failure.empty())
    throw Error("a problem could not be searched: " + failure, ExitCode::kInternal);
  return trees;
}

void PrintRate(const char* name, const RateByLevel& rate) {
  if (rate.all.total == 0) return;
  const Interval interval = WilsonInterval(rate.all.successes, rate.all.total);
  fmt::print("{:<12} {:6.2f}%  [{:.2f}, {:.2f}]  of {}", name, 100 * rate.all.Value(),
             100 * interval.low, 100 * interval.high, rate.all.total);
  for (const auto& [level, at] : rate.by_level)
    fmt::print("   {}: {:.1f}", level, 100 * at.Value());
  fmt::print("\n");
}

int Evaluate(const Arguments& a) {
  if (a.method == "mcts" && a.ppm.empty()) {
    Log("no --ppm: the search runs without a preference model, and its answers cannot be ranked");
  }
  CheckModelFolder(a.model);
  if (!a.ppm.empty()) CheckModelFolder(a.ppm);
  const Config config = ConfigOf(a);
  std::vector<Problem> problems = LoadProblems(a.problems);
  if (a.limit > 0 && problems.size() > static_cast<std::size_t>(a.limit)) {
    problems.resize(static_cast<std::size_t>(a.limit));
  }
  const std::vector<Tree> trees = SearchAll(a, config, problems);
  const EvalSummary summary =
      MeasureEvaluation(trees, problems, a.n, [](std::string_view x, std::string_view y) {
        return x == y || Grade(x, y).verdict == Verdict::kCorrect;
      });
  if (a.json) {
    fmt::print("{}\n", ToJson(summary).dump(1));
    return 0;
  }
  PrintRate("greedy", summary.greedy);
  for (std::size_t k = 0; k < summary.pass_at.size(); ++k) {
    PrintRate(fmt::format("pass@{}", k + 1).c_str(), summary.pass_at[k]);
  }
  PrintRate("majority", summary.majority);
  PrintRate("best by PPM", summary.ppm_guided);
  PrintRate("any answer", summary.search_any);
  return 0;
}

}  // namespace

void AddEvalCommand(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("eval", "measure a model on a problem file");
  auto a = std::make_shared<Arguments>();
  command->add_option("--model", a->model, "Hugging Face folder of the policy")->required();
  command->add_option("--ppm", a->ppm, "folder of a PPM");
  command->add_option("--problems", a->problems, "problem file (JSON lines)")->required();
  command->add_option("--config", a->config_file,
                      "take environment, search and engine settings from here");
  command->add_option("--set", a->overrides,
                      "settings over --config, such as environment.max_step_tokens=64");
  command->add_option("--method", a->method, "greedy, sample or mcts")
      ->check(CLI::IsMember({"greedy", "sample", "mcts"}));
  command->add_option("-n", a->n, "chains (sample) or rollouts (mcts)")
      ->check(CLI::Range(1, 100000));
  command->add_option("--candidates", a->candidates, "candidates per step (mcts)")
      ->check(CLI::Range(1, 4096));
  command->add_option("--limit", a->limit, "first so many problems");
  command->add_option("--seed", a->seed, "seed of the sampling");
  command->add_flag("--json", a->json, "print JSON");
  command->callback([a, &exit_code] { exit_code = Evaluate(*a); });
}

}  // namespace gradus
