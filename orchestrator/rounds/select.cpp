#include "orchestrator/rounds/select.h"

#include <map>
#include <nlohmann/json.hpp>

#include "orchestrator/rounds/part.h"
#include "orchestrator/rounds/rollout.h"
#include "orchestrator/selection/difficulty.h"
#include "schemas/base/file.h"
#include "schemas/training_row.h"
#include "workers/models/tokenizer/tokenizer.h"

namespace gradus {
namespace {

using TreesByProblem = std::map<std::uint32_t, std::vector<Tree>>;

TreesByProblem GroupByProblem(std::vector<Tree> trees) {
  TreesByProblem groups;
  for (Tree& tree : trees) groups[tree.key.problem].push_back(std::move(tree));
  return groups;
}

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

}  // namespace

void Select(Campaign& c, const RoundPlan& plan) {
  RunOnce(c, {plan.round, "select"}, [&] {
    const Tokenizer tokenizer = Tokenizer::Load(plan.policy);
    const SelectionOptions& options = c.config.selection;
    std::vector<SftRow> rows;
    std::vector<PreferencePair> pairs, held_out;
    std::size_t mislabelled = 0;
    for (auto& [index, trees] : GroupByProblem(RolloutTrees(c, plan.round))) {
      const Problem& problem = c.problems.at(index);
      if (LikelyMislabelled(problem, trees, options.synthetic_min_correct)) {
        ++mislabelled;
        continue;
      }
      UseTrainingPrompt(c, tokenizer, problem, trees);
      for (SftRow& row : SelectSft(trees, problem, options, tokenizer.EosIds())) {
        rows.push_back(std::move(row));
      }
      std::vector<PreferencePair>& side = IsHeldOut(c, problem) ? held_out : pairs;
      for (PreferencePair& pair : SelectPairs(trees, problem, options))
        side.push_back(std::move(pair));
    }
    MakeFolder(c.files.Selection(plan.round));
    WriteSftRows(c.files.Sft(plan.round), rows);
    WritePairs(c.files.Pairs(plan.round), pairs);
    WritePairs(c.files.HeldOutPairs(plan.round), held_out);
    const nlohmann::ordered_json summary = {{"sft_rows", rows.size()},
                                            {"pairs", pairs.size()},
                                            {"held_out_pairs", held_out.size()},
                                            {"mislabelled_problems", mislabelled}};
    WriteFileAtomically(c.files.Selection(plan.round) / "summary.json", summary.dump() + "\n");
    return fmt::format(
        "{} rows, {} + {} pairs{}", rows.size(), pairs.size(), held_out.size(),
        mislabelled > 0 ? fmt::format(", {} problems likely mislabelled", mislabelled) : "");
  });
}

}  // namespace gradus
