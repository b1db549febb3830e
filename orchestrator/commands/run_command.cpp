#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <optional>

#include "orchestrator/cluster/workforce.h"
#include "orchestrator/commands/commands.h"
#include "orchestrator/inspect/report.h"
#include "orchestrator/launch/launch.h"
#include "orchestrator/launch/run_lock.h"
#include "orchestrator/launch/stop_signal.h"
#include "orchestrator/rounds/recipe.h"
#include "orchestrator/rounds/round.h"
#include "orchestrator/rounds/search_and_train_role.h"
#include "schemas/base/file.h"
#include "schemas/base/log.h"
#include "verify/answers/grader.h"

namespace gradus {
namespace {

struct Arguments {
  std::string config_file;
  std::vector<std::string> overrides;
  bool print_config = false;
  bool steal_lock = false;
};

// What rank 0 has read and checked before the world starts.
struct Prepared {
  Config config;
  std::string config_digest;
  RunFiles files;
  std::vector<Problem> problems, held_out;
  std::vector<Demonstration> demonstrations;
  std::optional<RunLock> lock;
};

// Settings that may differ when a run is continued: they change no training row.
Config Comparable(Config config) {
  config.cluster = ClusterOptions{};
  config.run.rounds = 0;
  config.run.folder.clear();
  config.run.name.clear();
  config.rollout.verifier.python.slots = 1;
  return config;
}

// A run keeps the configuration it was started with.
void FixConfig(const RunFiles& files, const Config& config) {
  if (!fs::exists(files.Config())) {
    WriteFileAtomically(files.Config(), PrintConfig(config));
    return;
  }
  const std::string before = PrintConfig(Comparable(ParseConfig(ReadFile(files.Config()))));
  const std::string now = PrintConfig(Comparable(config));
  if (before == now) return;
  std::size_t at = 0;
  while (at < std::min(before.size(), now.size()) && before[at] == now[at]) ++at;
  const std::size_t line = now.rfind('\n', at) + 1;
  Fail(
      "{}: this run was started with another configuration; first difference: '{}'; give the run "
      "another name "
      "(run.name=…), or restore the configuration",
      files.root.string(), now.substr(line, now.find('\n', line) - line));
}

// Told before anything is searched: a gold that nothing can equal would only look like failure.
void TellOfGolds(const std::string& file, const std::vector<Problem>& problems) {
  std::size_t bad = 0;
  std::string first;
  for (const Problem& problem : problems) {
    if (!std::holds_alternative<AnswerGoal>(problem.goal)) continue;
    const std::string why = GoldProblem(ReadGold(problem.answer));
    if (why.empty()) continue;
    if (bad++ == 0) first = fmt::format("{}: '{}' is {}", problem.id, problem.answer, why);
  }
  if (bad == 0) return;
  Log("{}: {} of {} answers cannot be graded against other than word by word, first {}; gradus "
      "grade "
      "--check-golds {} lists them",
      file, bad, problems.size(), first, file);
}

void Prepare(const Arguments& arguments, Prepared& p) {
  p.config = LoadConfig(arguments.config_file, arguments.overrides);
  CheckConfig(p.config);
  if (p.config.run.rounds > 0) p.problems = LoadProblems(p.config.problems.train);
  const auto limit = static_cast<std::size_t>(p.config.problems.limit);
  if (limit > 0 && p.problems.size() > limit) p.problems.resize(limit);
  if (!p.config.evaluation.problems.empty())
    p.held_out = LoadProblems(p.config.evaluation.problems);
  TellOfGolds(p.config.problems.train, p.problems);
  TellOfGolds(p.config.evaluation.problems, p.held_out);
  if (!p.config.bootstrap.demonstrations.empty()) {
    p.demonstrations = LoadDemonstrations(p.config.bootstrap.demonstrations);
  }
  p.files.root = fs::path(p.config.run.folder) / p.config.run.name;
  MakeFolder(p.files.root);
  p.lock.emplace(p.files.Lock(),
                 arguments.steal_lock ? RunLock::Takeover::kSteal : RunLock::Takeover::kOnlyIfGone);
  FixConfig(p.files, p.config);
  p.config_digest = Sha256File(p.files.Config());
}

int Coordinate(Prepared& p, Transport& transport) {
  CatchStopSignals();
  Recorder recorder(p.files, p.config.run.trees_per_shard);
  recorder.StartEpoch(p.config_digest, transport.size());
  Display display(p.files.Progress());
  display.Say(fmt::format("recipe: {}", DescribeRecipe(p.config)));
  display.Say(fmt::format("run {}  {} problems, {} held out, {} rounds, {} worker{}",
                          p.files.root.string(), p.problems.size(), p.held_out.size(),
                          p.config.run.rounds, transport.size() - 1,
                          transport.size() == 2 ? "" : "s"));
  Workforce workforce(transport, p.config.cluster, recorder.epoch(), PrintConfig(p.config));
  const std::unique_ptr<Environment> environment = MakeEnvironment(p.config.rollout.environment);
  Campaign campaign{p.config,   p.config_digest,  p.files,      p.problems,
                    p.held_out, p.demonstrations, *environment, recorder,
                    workforce,  display,          StopWasAsked};
  try {
    RunCampaign(campaign);
  } catch (const Error& error) {
    if (error.code() != ExitCode::kStopped) throw;
    display.Say(
        "stopped on request; everything verified so far is saved: the same command goes on from "
        "here");
    workforce.Dismiss();
    return static_cast<int>(ExitCode::kStopped);
  }
  display.Begin(p.config.run.rounds, "done", "rounds", 1,
                1);  // What `gradus status` shows from now on.
  WriteReport(p.files, p.files.Report());
  display.Say(fmt::format("done  report: {}", p.files.Report().string()));
  workforce.Dismiss();
  return static_cast<int>(ExitCode::kDone);
}

int Work(Transport& transport) {
  const std::unique_ptr<WorkerRole> role = MakeSearchAndTrainRole(transport.rank());
  return static_cast<int>(RunWorker(transport, *role));
}

int Run(const Arguments& arguments) {
  if (arguments.print_config) {
    if (LauncherRank() == 0) {
      std::fputs(PrintConfig(LoadConfig(arguments.config_file, arguments.overrides)).c_str(),
                 stdout);
    }
    return 0;
  }
  Prepared prepared;
  Roles roles;
  roles.prepare = [&] { Prepare(arguments, prepared); };
  roles.coordinate = [&](Transport& transport) { return Coordinate(prepared, transport); };
  roles.work = Work;
  return Launch(roles);
}

}  // namespace

void AddRunCommand(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("run", "run rounds of expert iteration; continues where the run left off");
  auto arguments = std::make_shared<Arguments>();
  command->add_option("config", arguments->config_file, "configuration file (YAML)")->required();
  command->add_option("overrides", arguments->overrides, "settings such as search.c_puct=1.5");
  command->add_flag("--print-config", arguments->print_config,
                    "print the resolved configuration and leave");
  command->add_flag("--steal-lock", arguments->steal_lock,
                    "take over a run whose holder is surely gone");
  command->footer(
      "Exit codes: 0 done, 2 bad input, 75 coordinator lost, 76 trainers lost, 85 stopped with "
      "state saved.");
  command->callback([arguments, &exit_code] { exit_code = Run(*arguments); });
}

}  // namespace gradus
