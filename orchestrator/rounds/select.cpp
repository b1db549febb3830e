#include "orchestrator/rounds/select.h"

#include <nlohmann/json.hpp>

#include "orchestrator/rounds/part.h"
#include "orchestrator/rounds/rollout.h"
#include "orchestrator/selection/difficulty.h"
#include "schemas/base/file.h"
#include "schemas/files/training_row.h"
#include "workers/models/tokenizer/tokenizer.h"

namespace gradus {
namespace {

// Training rows get the training prompt where that is not the search's.
void UseTrainingPrompt(const Campaign& c, const Tokenizer& tokenizer, const Problem& problem,
                       std::vector<Tree>& trees) {
  const std::string text = c.environment.TrainingPrompt(problem);
  if (text == c.environment.SearchPrompt(problem)) return;
  const std::vector<TokenId> prompt = tokenizer.EncodeWithSpecials(text);
  for (Tree& tree : trees) tree.nodes[0].tokens = prompt;
}

// Whole problems are held out, so that no trajectory is on both sides.
bool IsHeldOut(const Campaign& c, const Problem& problem) {
  const Seed draw = MixSeed(c.config.run.seed, "held-out", problem.id);
  return UniformFromBits(draw) < c.config.ppm.train.held_out;
}

// What a round's trees are turned into. The trees pass by, a problem's at a time; the rows stay.
class Selected {
 public:
  Selected(const Campaign& c, const RoundPlan& plan)
      : c_(c), tokenizer_(Tokenizer::Load(plan.policy)) {}

  void Add(std::vector<Tree>& trees_of_one_problem) {
    const SelectionOptions& options = c_.config.selection;
    const Problem& problem = c_.problems.at(trees_of_one_problem.front().key.problem);
    if (LikelyMislabelled(problem, trees_of_one_problem, options.synthetic_min_correct)) {
      ++mislabelled_;
      return;
    }
    UseTrainingPrompt(c_, tokenizer_, problem, trees_of_one_problem);
    for (SftRow& row : SelectSft(trees_of_one_problem, problem, options, tokenizer_.EosIds())) {
      rows_.push_back(std::move(row));
    }
    std::vector<PreferencePair>& side = IsHeldOut(c_, problem) ? held_out_ : pairs_;
    for (PreferencePair& pair : SelectPairs(trees_of_one_problem, problem, options))
      side.push_back(std::move(pair));
  }

  void Write(RoundIndex round) const {
    MakeFolder(c_.files.Selection(round));
    WriteSftRows(c_.files.Sft(round), rows_);
    WritePairs(c_.files.Pairs(round), pairs_);
    WritePairs(c_.files.HeldOutPairs(round), held_out_);
    const nlohmann::ordered_json summary = {{"sft_rows", rows_.size()},
                                            {"pairs", pairs_.size()},
                                            {"held_out_pairs", held_out_.size()},
                                            {"mislabelled_problems", mislabelled_}};
    WriteFileAtomically(c_.files.Selection(round) / "summary.json", summary.dump() + "\n");
  }

  std::string Summary() const {
    return fmt::format(
        "{} rows, {} + {} pairs{}", rows_.size(), pairs_.size(), held_out_.size(),
        mislabelled_ > 0 ? fmt::format(", {} problems likely mislabelled", mislabelled_) : "");
  }

 private:
  const Campaign& c_;
  Tokenizer tokenizer_;
  std::vector<SftRow> rows_;
  std::vector<PreferencePair> pairs_, held_out_;
  std::size_t mislabelled_ = 0;
};

}  // namespace

void Select(Campaign& c, const RoundPlan& plan) {
  RunOnce(c, {plan.round, "select"}, [&] {
    Selected selected(c, plan);
    VisitProblems(RolloutShards(c, plan.round),
                  [&](std::vector<Tree>& trees) { selected.Add(trees); });
    selected.Write(plan.round);
    return selected.Summary();
  });
}

}  // namespace gradus
