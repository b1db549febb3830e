#pragma once
#include <cstdint>
#include <string>

#include "schemas/base/settings.h"

namespace gradus {

// Every switch below is a place where the rStar-Math paper and its released code disagree, or a
// behaviour of the code that a careful reader would not guess. Presets `rstar_math` (paper) and
// `rstar_math_reference` (code) set them.

enum class SearchMethod : std::uint8_t { kMcts, kSample, kGreedy };
// As settings write it and trees store it: "mcts", "sample", "greedy".
std::string ToString(SearchMethod method);

// What one rollout is. Paper: a root-to-terminal trajectory. Code: one descend-and-expand walk that
// goes on past terminals until no open child is left or max_depth levels were spent; 0 to many
// terminals.
enum class RolloutUnit : std::uint8_t { kTrajectory, kWalk };
// A step whose code fails. Paper: not kept. Code: kept as a terminal node with local value -1.
enum class FailedSteps : std::uint8_t { kDrop, kTerminal };
// An expansion in which a sample finishes. Paper: all candidates are kept. Code: only the first
// finishing sample.
enum class Finishing : std::uint8_t { kKeepAll, kFirstOnly };
// UCT of a child never visited. Paper (standard UCT): visited first. Code: score exactly 0.
enum class Unvisited : std::uint8_t { kFirst, kZero };
// Equal scores. Seeded choice weighted by nothing, the child with more identical samples, or the
// lowest index (code).
enum class Ties : std::uint8_t { kSamples, kRandom, kFirst };
// q(s)^0 in rounds with a PPM. kPrior: q starts at the PPM score and N at 0 (paper eq. 3). kVisit:
// N starts at 1 (code).
enum class PpmInit : std::uint8_t { kPrior, kVisit };
// When a terminal's ±1 is backed up. kPerRollout: the terminal a rollout ends at (paper).
// kAtCreation: every answer child at once, when it is made (code).
enum class Backup : std::uint8_t { kPerRollout, kAtCreation };
// Q annotation: terminal-guided (eq. 2) or PPM-augmented (eq. 3).
enum class Annotation : std::uint8_t { kTerminal, kPpm };

struct SearchOptions {
  PerRound<SearchMethod> method{{SearchMethod::kMcts}};
  PerRound<int> candidates{{5, 8, 8, 16}};
  PerRound<int> rollouts{{8, 16, 16, 16}};
  PerRound<Annotation> annotation{
      {Annotation::kTerminal, Annotation::kTerminal, Annotation::kPpm, Annotation::kPpm}};
  PerRound<double> temperature{{0.7, 1.0}};
  double top_p = 1.0;
  int top_k = 0;
  double min_p = 0;
  double c_puct = 2;
  int max_depth = 16;
  int errors_threshold =
      1;  // With FailedSteps::kTerminal: consecutive failing steps that end a branch.
  RolloutUnit rollout_unit = RolloutUnit::kTrajectory;
  FailedSteps failed_steps = FailedSteps::kDrop;
  Finishing finishing = Finishing::kKeepAll;
  Unvisited unvisited = Unvisited::kFirst;
  Ties ties = Ties::kSamples;
  PpmInit ppm_init = PpmInit::kPrior;
  Backup backup = Backup::kPerRollout;
  bool dedupe = true;  // Identical candidate texts become one child.
  // Hard problems: attempts after the first, each a new tree with a new seed.
  PerRound<int> hard_rollouts{{16, 16, 16, 64}};
  PerRound<int> hard_attempts{{1, 1, 1, 2}};
  PerRound<int> last_rollouts{
      {0, 0, 0, 128}};  // Rollouts of the final attempt; 0: as hard_rollouts.
};
void Bind(Settings& settings, SearchOptions& options);

// What one tree is searched with: the options of its round, phase and attempt.
struct SearchSpec {
  SearchMethod method = SearchMethod::kMcts;
  int candidates = 8;
  int rollouts = 16;
  Annotation annotation = Annotation::kTerminal;
  double temperature = 1.0;
  // False while generating data (terminals are worth their ground truth), true in evaluation:
  // terminals are worth their PPM score and the truth is only recorded.
  bool blind = false;
};

}  // namespace gradus
