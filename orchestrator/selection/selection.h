#pragma once
#include <cstdint>
#include <vector>

#include "schemas/files/training_row.h"
#include "schemas/problem.h"
#include "schemas/tree.h"

namespace gradus {

class Settings;

// Which of a problem's correct trajectories become training rows.
enum class SftPick : std::uint8_t { kMeanQ, kRandom, kShortest, kAllDistinct };
// Which rounds' trees the next policy is trained on.
enum class DataRounds : std::uint8_t { kLatest, kAll };
// Which nodes give sibling pairs: every one below which both kinds of answer lie, or only the most
// visited at each level.
enum class PairFrontier : std::uint8_t { kAll, kMostVisited };
// A child with both kinds of answer below it. kOnce: it stands on one side only (the sides draw in
// turn, chosen first). kBoth: on both (released code).
enum class SharedChild : std::uint8_t { kOnce, kBoth };

// Every switch is a place where the rStar-Math paper and its released code disagree, or a habit of
// the code that a careful reader would not guess. Defaults are the paper's.
struct SelectionOptions {
  DataRounds data_rounds = DataRounds::kLatest;
  bool include_demonstrations = false;
  double synthetic_min_correct = 0.5;  // Least share of correct verified trajectories; 0: off.

  int sft_per_problem = 2;  // 0: no limit.
  SftPick sft_pick = SftPick::kMeanQ;
  bool min_q_tiebreak = false;        // Equal mean Q: the higher lowest Q first.
  bool drop_near_duplicates = false;  // Two picks may not differ in their last step only.
  bool drop_error_text = false;       // After picking, drop responses with "error" in them.
  bool mask_output = false;           // No loss on interpreter output.

  int pairs_per_side = 2;
  bool pair_correctness =
      true;  // Chosen leads to a correct answer, rejected to a wrong one; else by Q alone.
  SharedChild pair_shared_child = SharedChild::kOnce;
  bool pair_answer_siblings = false;  // Answer steps take part in sibling pairs.
  bool pair_uneven = false;        // A side with a single child lets the other have twice as many.
  double pair_min_margin = 0;      // Least Q difference; it is always more than 0.
  int pair_min_edit_distance = 0;  // Least number of character edits between the two steps.
  bool pair_avg_q_order =
      false;  // The chosen's best continuation must beat the rejected's worst by mean Q.
  PairFrontier pair_frontier = PairFrontier::kAll;
  bool final_answer_pairs = true;  // Best correct against worst wrong whole trajectories.
};
void Bind(Settings& settings, SelectionOptions& options);

// The values of the paper (§3.2, §3.3, A.1) and of the released code.
SelectionOptions PaperSelection();
SelectionOptions ReferenceSelection();

// Rows of one problem from all its trees, best first. Pure: a function of the trees' content,
// whatever their order. Equal token sequences give one row. The first of `eos` is appended as a
// target unless the response ends with one.
std::vector<SftRow> SelectSft(const std::vector<Tree>& trees_of_one_problem, const Problem& problem,
                              const SelectionOptions& options,
                              const std::vector<std::int32_t>& eos);

// Sibling pairs of each tree, then trajectory pairs over all of them. A problem whose answers are
// all right or all wrong gives none. Sides include the steps' interpreter output, as the search
// scores them. n_pos and n_neg are the sides' sizes before margin, distance and order filters.
std::vector<PreferencePair> SelectPairs(const std::vector<Tree>& trees_of_one_problem,
                                        const Problem& problem, const SelectionOptions& options);

}  // namespace gradus
