#include "orchestrator/selection/selection.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "orchestrator/selection/difficulty.h"
#include "orchestrator/selection/trajectory.h"
#include "schemas/base/settings.h"

namespace gradus {
namespace {

using Tokens = std::vector<std::int32_t>;

std::vector<Trajectory> CorrectOnes(std::vector<Trajectory> all) {
  std::erase_if(all, [](const Trajectory& t) { return t.verdict != Verdict::kCorrect; });
  return all;
}

void SortByMeanQ(std::vector<Trajectory>& items, const SelectionOptions& options) {
  std::stable_sort(items.begin(), items.end(), [&](const Trajectory& a, const Trajectory& b) {
    if (a.mean_q != b.mean_q) return a.mean_q > b.mean_q;
    return options.min_q_tiebreak && a.min_q > b.min_q;
  });
}

// Of equal responses the first stays.
void DropRepeats(std::vector<Trajectory>& items) {
  std::set<Tokens> seen;
  std::erase_if(items, [&](const Trajectory& t) { return !seen.insert(ResponseTokens(t)).second; });
}

// Everything before the last step. A trajectory of one step has nothing that could be shared.
Tokens Stem(const Trajectory& trajectory) {
  Trajectory stem = trajectory;
  stem.steps.pop_back();
  return ResponseTokens(stem);
}

void DropNearDuplicates(std::vector<Trajectory>& items) {
  std::set<Tokens> seen;
  std::erase_if(items, [&](const Trajectory& t) {
    return t.steps.size() > 1 && !seen.insert(Stem(t)).second;
  });
}

// Distinct correct trajectories in the order of preference. Input: by key and node.
void Rank(std::vector<Trajectory>& items, const SelectionOptions& options) {
  if (options.sft_pick == SftPick::kAllDistinct) return DropRepeats(items);
  SortByMeanQ(items, options);
  DropRepeats(items);
  if (options.sft_pick == SftPick::kShortest) {
    std::stable_sort(items.begin(), items.end(), [](const Trajectory& a, const Trajectory& b) {
      return ResponseTokens(a).size() < ResponseTokens(b).size();
    });
  } else if (options.sft_pick == SftPick::kRandom && !items.empty()) {
    const auto first =
        std::min_element(items.begin(), items.end(),
                         [](const auto& a, const auto& b) { return a.tree->key < b.tree->key; });
    Random(MixSeed(first->tree->seed, "sft_pick")).Shuffle(items);
  }
}

bool MentionsError(const Trajectory& trajectory) {
  std::string text = ResponseText(trajectory);
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text.find("error") != std::string::npos;
}

SftRow MakeRow(const Trajectory& trajectory, const Problem& problem, bool mask_output,
               const Tokens& eos) {
  const Tree& tree = *trajectory.tree;
  SftRow row;
  row.origin = {tree.key, trajectory.leaf, tree.problem_id};
  row.mean_q = trajectory.mean_q;
  row.level = problem.level;
  const auto append = [&row](const Tokens& tokens, bool target) {
    row.tokens.insert(row.tokens.end(), tokens.begin(), tokens.end());
    row.mask.insert(row.mask.end(), tokens.size(), target ? 1 : 0);
  };
  append(tree.nodes[0].tokens, false);
  for (std::int32_t i : trajectory.steps) {
    append(tree.nodes[i].tokens, true);
    append(tree.nodes[i].output_tokens, !mask_output);
  }
  const bool ended =
      !row.tokens.empty() && std::find(eos.begin(), eos.end(), row.tokens.back()) != eos.end();
  if (!eos.empty() && !ended) append({eos.front()}, true);
  return row;
}

void BindSft(Settings& s, SelectionOptions& o) {
  s.Field("sft_per_problem", o.sft_per_problem, {0, 1e6},
          "training rows of one problem; 0: no limit");
  s.Choice<SftPick>(
      "sft_pick", o.sft_pick,
      {{"mean_q", SftPick::kMeanQ},
       {"random", SftPick::kRandom},
       {"shortest", SftPick::kShortest},
       {"all_distinct", SftPick::kAllDistinct}},
      "which correct trajectories come first; all_distinct: in the order of the search");
  s.Field("min_q_tiebreak", o.min_q_tiebreak, "equal mean Q: the higher lowest Q first");
  s.Field("drop_near_duplicates", o.drop_near_duplicates,
          "two rows of a problem may not differ in their last step only");
  s.Field("drop_error_text", o.drop_error_text,
          "after picking, drop responses with 'error' in them");
  s.Field("mask_output", o.mask_output, "no loss on interpreter output");
}

void BindPairs(Settings& s, SelectionOptions& o) {
  s.Field("pairs_per_side", o.pairs_per_side, {1, 64}, "steps on each side of a sibling set");
  s.Field("pair_correctness", o.pair_correctness,
          "chosen steps lead to a correct answer and rejected ones to a wrong one; false: Q "
          "decides alone");
  s.Choice<SharedChild>("pair_shared_child", o.pair_shared_child,
                        {{"once", SharedChild::kOnce}, {"both", SharedChild::kBoth}},
                        "a step with both kinds of answer below it: on one side, or on both");
  s.Field("pair_answer_siblings", o.pair_answer_siblings,
          "answer steps take part in sibling pairs");
  s.Field("pair_uneven", o.pair_uneven,
          "a side with a single step lets the other have twice as many");
  s.Field("pair_min_margin", o.pair_min_margin, {0, 2}, "least Q difference; always more than 0");
  s.Field("pair_min_edit_distance", o.pair_min_edit_distance, {0, 1e6},
          "least number of character edits between the two steps");
  s.Field("pair_avg_q_order", o.pair_avg_q_order,
          "the chosen step's best continuation must beat the rejected one's worst by mean Q");
  s.Choice<PairFrontier>(
      "pair_frontier", o.pair_frontier,
      {{"all", PairFrontier::kAll}, {"most_visited", PairFrontier::kMostVisited}},
      "which steps with both kinds of answer below them are followed further down");
  s.Field("final_answer_pairs", o.final_answer_pairs,
          "best correct against worst wrong whole trajectories");
}

}  // namespace

void Bind(Settings& s, SelectionOptions& o) {
  s.Choice<DataRounds>("data_rounds", o.data_rounds,
                       {{"latest", DataRounds::kLatest}, {"all", DataRounds::kAll}},
                       "rounds whose rows train the next policy");
  s.Field("include_demonstrations", o.include_demonstrations, "add the bootstrap's demonstrations");
  s.Field("synthetic_min_correct", o.synthetic_min_correct, {0, 1},
          "drop synthetic problems with a smaller share of correct trajectories; 0: off");
  BindSft(s, o);
  BindPairs(s, o);
}

SelectionOptions PaperSelection() { return {}; }

SelectionOptions ReferenceSelection() {
  SelectionOptions options;
  options.synthetic_min_correct = 0;
  options.min_q_tiebreak = true;
  options.drop_error_text = true;
  options.pair_shared_child = SharedChild::kBoth;
  options.pair_answer_siblings = true;
  options.pair_uneven = true;
  options.pair_min_margin = 0.5;
  options.pair_min_edit_distance = 20;
  options.pair_avg_q_order = true;
  options.final_answer_pairs = false;
  return options;
}

std::vector<SftRow> SelectSft(const std::vector<Tree>& trees, const Problem& problem,
                              const SelectionOptions& options,
                              const std::vector<std::int32_t>& eos) {
  if (LikelyMislabelled(problem, trees, options.synthetic_min_correct)) return {};
  std::vector<Trajectory> picks = CorrectOnes(AnswerTrajectories(trees));
  Rank(picks, options);
  if (options.drop_near_duplicates) DropNearDuplicates(picks);
  const auto limit = static_cast<std::size_t>(options.sft_per_problem);
  if (limit > 0 && picks.size() > limit) picks.resize(limit);
  if (options.drop_error_text) std::erase_if(picks, MentionsError);
  std::vector<SftRow> rows;
  for (const Trajectory& pick : picks) {
    rows.push_back(MakeRow(pick, problem, options.mask_output, eos));
  }
  return rows;
}

}  // namespace gradus
