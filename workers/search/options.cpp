#include "workers/search/options.h"

namespace gradus {
namespace {

const Settings::Choices<SearchMethod>& Methods() {
  static const Settings::Choices<SearchMethod> methods = {{"mcts", SearchMethod::kMcts},
                                                          {"sample", SearchMethod::kSample},
                                                          {"greedy", SearchMethod::kGreedy}};
  return methods;
}

}  // namespace

std::string ToString(SearchMethod method) {
  for (const auto& [name, one] : Methods()) {
    if (one == method) return name;
  }
  return "";
}

void Bind(Settings& s, SearchOptions& o) {
  s.Choice("method", o.method, Methods(),
           "search by round: mcts (UCT), sample (independent chains), greedy (one chain)");
  s.Field("candidates", o.candidates, {1, 4096}, "samples per expansion, by round");
  s.Field("rollouts", o.rollouts, {1, 1e6},
          "rollouts per tree (mcts) or chains (sample), by round");
  s.Choice("annotation", o.annotation,
           {{"terminal", Annotation::kTerminal}, {"ppm", Annotation::kPpm}},
           "Q annotation by round: terminal-guided (eq. 2) or PPM-augmented (eq. 3)");
  s.Field("temperature", o.temperature, {0, 100}, "sampling temperature, by round; 0 is greedy");
  s.Field("top_p", o.top_p, {0, 1}, "nucleus sampling; 1 is off");
  s.Field("top_k", o.top_k, {0, 1e6}, "sample from the k most likely tokens; 0 is off");
  s.Field("min_p", o.min_p, {0, 1},
          "sample from tokens at least this likely, as a share of the likeliest one; 0 is off");
  s.Field("c_puct", o.c_puct, {0, 1000}, "exploration constant c of UCT (eq. 1)");
  s.Field("max_depth", o.max_depth, {1, 65000}, "levels of a tree");
  s.Field("errors_threshold", o.errors_threshold, {1, 1000},
          "with failed_steps: terminal, consecutive failing steps that end a branch");
  s.Choice("rollout_unit", o.rollout_unit,
           {{"trajectory", RolloutUnit::kTrajectory}, {"walk", RolloutUnit::kWalk}},
           "what one rollout is: root to terminal (paper), or a walk of max_depth levels (code)");
  s.Choice("failed_steps", o.failed_steps,
           {{"drop", FailedSteps::kDrop}, {"terminal", FailedSteps::kTerminal}},
           "a step whose code fails: not kept (paper), or a terminal node worth -1 (code)");
  s.Choice(
      "finishing", o.finishing,
      {{"keep_all", Finishing::kKeepAll}, {"first_only", Finishing::kFirstOnly}},
      "an expansion in which a sample finishes: keep all, or only the first finishing one (code)");
  s.Choice("unvisited", o.unvisited, {{"first", Unvisited::kFirst}, {"zero", Unvisited::kZero}},
           "UCT of an unvisited child: before all others, or exactly 0 (code)");
  s.Choice("ties", o.ties,
           {{"samples", Ties::kSamples}, {"random", Ties::kRandom}, {"first", Ties::kFirst}},
           "equal scores: the child sampled more often, a seeded draw, or the lowest index (code)");
  s.Choice(
      "ppm_init", o.ppm_init, {{"prior", PpmInit::kPrior}, {"visit", PpmInit::kVisit}},
      "PPM score of a new node: q starts there with N = 0 (eq. 3), or counts as a visit (code)");
  s.Choice(
      "backup", o.backup,
      {{"per_rollout", Backup::kPerRollout}, {"at_creation", Backup::kAtCreation}},
      "terminals are backed up when a rollout ends there (paper), or when they are made (code)");
  s.Field("dedupe", o.dedupe, "identical candidate texts become one child");
  s.Field("hard_rollouts", o.hard_rollouts, {0, 1e6},
          "rollouts of each further tree of an unsolved problem, by round; 0: none");
  s.Field("hard_attempts", o.hard_attempts, {0, 1000},
          "further trees (new seeds) of an unsolved problem, by round");
  s.Field("last_rollouts", o.last_rollouts, {0, 1e6},
          "rollouts of the last further tree, by round; 0: as hard_rollouts");
}

}  // namespace gradus
