#include "orchestrator/selection/selection.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "schemas/base/seed.h"
#include "schemas/base/settings.h"
#include "tests/fakes/hand_made_tree.h"

using namespace gradus;

namespace {

const Problem kProblem{"p", "1+1", "2", "3", "", {}};
constexpr std::int32_t kEos = 7;

std::string Text(const std::vector<std::int32_t>& tokens) { return HandMadeTree::Text(tokens); }

// The responses of the selected rows, prompt and end marker left out.
std::vector<std::string> Picks(const std::vector<Tree>& trees, const SelectionOptions& options) {
  std::vector<std::string> texts;
  for (const SftRow& row : SelectSft(trees, kProblem, options, {})) {
    texts.push_back(Text(row.tokens).substr(2));
  }
  return texts;
}

using Texts = std::vector<std::string>;

// Q of the step on top, then of its answers.     path means
//   a .5   → A1 right, A2 right                  .75 .75
//   b .25  → B right, bw wrong                   .625, -.375
//   c -.25 → C right                             .375
HandMadeTree ThreeWays() {
  HandMadeTree tree;
  const int a = tree.Step(0, "a", 0.5);
  const int b = tree.Step(0, "b", 0.25);
  const int c = tree.Step(0, "c", -0.25);
  tree.Right(a, "A1");
  tree.Right(a, "A2");
  tree.Right(b, "B");
  tree.Wrong(b, "bw");
  tree.Right(c, "C");
  return tree;
}

}  // namespace

TEST_CASE("The correct trajectories with the highest mean Q become rows, best first") {
  const auto rows = SelectSft({ThreeWays()}, kProblem, PaperSelection(), {});
  REQUIRE(rows.size() == 2);
  CHECK(Text(rows[0].tokens) == "Q:aA1");
  CHECK(rows[0].mean_q == 0.75);
  CHECK(Text(rows[1].tokens) == "Q:aA2");
  CHECK(rows[0].level == "3");
  CHECK(rows[0].origin.problem_id == "p");
  CHECK(rows[0].origin.node == 4);
}

TEST_CASE("sft_per_problem limits the rows of a problem and 0 does not") {
  SelectionOptions options = PaperSelection();
  options.sft_per_problem = 3;
  CHECK(Picks({ThreeWays()}, options) == Texts{"aA1", "aA2", "bB"});
  options.sft_per_problem = 0;
  CHECK(Picks({ThreeWays()}, options) == Texts{"aA1", "aA2", "bB", "cC"});
}

TEST_CASE("Without near duplicates two picks differ before their last step") {
  SelectionOptions options = PaperSelection();
  options.drop_near_duplicates = true;
  CHECK(Picks({ThreeWays()}, options) == Texts{"aA1", "bB"});
  // One-step solutions share nothing, so none of them is a near duplicate.
  HandMadeTree flat;
  flat.Right(0, "x");
  flat.Right(0, "y");
  CHECK(Picks({flat}, options) == Texts{"x", "y"});
}

TEST_CASE("Equal mean Q goes by node order, or by the higher lowest Q where the tiebreak is on") {
  // Both paths average .75: (.25, 1, 1) with minimum .25 and (.5, 1) with minimum .5.
  HandMadeTree tree;
  tree.Right(tree.Step(tree.Step(0, "l", 0.25), "m", 1), "L");
  tree.Right(tree.Step(0, "s", 0.5), "S");
  CHECK(Picks({tree}, PaperSelection()) == Texts{"lmL", "sS"});
  SelectionOptions options = PaperSelection();
  options.min_q_tiebreak = true;
  CHECK(Picks({tree}, options) == Texts{"sS", "lmL"});
}

TEST_CASE("sft_pick shortest counts tokens and all_distinct keeps the order of the search") {
  HandMadeTree tree;
  tree.Right(tree.Step(0, "long step ", -0.5), "A");
  tree.Right(tree.Step(0, "b", 0.25), "B long");
  tree.Right(tree.Step(0, "c", 0), "C");
  SelectionOptions options = PaperSelection();
  CHECK(Picks({tree}, options) == Texts{"bB long", "cC"});
  options.sft_pick = SftPick::kShortest;
  CHECK(Picks({tree}, options) == Texts{"cC", "bB long"});
  options.sft_pick = SftPick::kAllDistinct;
  options.sft_per_problem = 0;
  CHECK(Picks({tree}, options) == Texts{"long step A", "bB long", "cC"});
}

TEST_CASE("sft_pick random draws every trajectory for some seed and the same ones for one seed") {
  SelectionOptions options = PaperSelection();
  options.sft_pick = SftPick::kRandom;
  options.sft_per_problem = 1;
  std::vector<std::string> seen;
  for (Seed seed = 1; seed <= 64; ++seed) {
    HandMadeTree tree = ThreeWays();
    tree.tree().seed = seed;
    const Texts picks = Picks({tree}, options);
    REQUIRE(picks.size() == 1);
    CHECK(picks == Picks({tree}, options));
    seen.push_back(picks[0]);
  }
  std::sort(seen.begin(), seen.end());
  seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
  CHECK(seen == Texts{"aA1", "aA2", "bB", "cC"});
}

TEST_CASE("drop_error_text drops picked responses that mention an error, without replacing them") {
  HandMadeTree tree;
  tree.Right(tree.Step(0, "a", 0.5, 4, "NameError"), "A");
  tree.Right(tree.Step(0, "b", 0.25), "B");
  tree.Right(tree.Step(0, "c", 0), "C");
  SelectionOptions options = PaperSelection();
  CHECK(Picks({tree}, options) == Texts{"aNameErrorA", "bB"});
  options.drop_error_text = true;
  CHECK(Picks({tree}, options) == Texts{"bB"});
}

TEST_CASE(
    "Targets are the sampled tokens and the end marker, and interpreter output unless masked") {
  HandMadeTree tree;
  tree.Right(tree.Step(0, "ab", 0.5, 4, "12"), "C");
  SelectionOptions options = PaperSelection();
  const auto rows = SelectSft({tree}, kProblem, options, {kEos, 9});
  REQUIRE(rows.size() == 1);
  CHECK(Text(rows[0].tokens) == std::string("Q:ab12C") + static_cast<char>(kEos));
  CHECK(rows[0].mask == std::vector<std::uint8_t>{0, 0, 1, 1, 1, 1, 1, 1});
  options.mask_output = true;
  CHECK(SelectSft({tree}, kProblem, options, {kEos})[0].mask ==
        std::vector<std::uint8_t>{0, 0, 1, 1, 0, 0, 1, 1});
  // A response that stopped on an end marker gets no second one.
  CHECK(Text(SelectSft({tree}, kProblem, options, {kEos, 'C'})[0].tokens) == "Q:ab12C");
}

TEST_CASE("Attempts are pooled and a token sequence found twice is one row, with its better Q") {
  HandMadeTree first(0), second(1);
  first.Right(first.Step(0, "a", 0.25), "A");
  second.Right(second.Step(0, "a", 0.5), "A");
  second.Right(second.Step(0, "b", 0), "B");
  for (const auto& trees : {std::vector<Tree>{first, second}, std::vector<Tree>{second, first}}) {
    const auto rows = SelectSft(trees, kProblem, PaperSelection(), {});
    REQUIRE(rows.size() == 2);
    CHECK(rows[0].mean_q == 0.75);
    CHECK(rows[0].origin.key.attempt == 1);
    CHECK(Text(rows[1].tokens) == "Q:bB");
  }
}

TEST_CASE("Wrong and unverifiable answers never become rows") {
  HandMadeTree tree;
  tree.Wrong(0, "wrong");
  tree.Answer(0, "open", Verdict::kUnverifiable);
  tree.Failed(0, "boom", "exception");
  CHECK(Picks({tree}, PaperSelection()).empty());
  CHECK(Picks({}, PaperSelection()).empty());
}

TEST_CASE("synthetic_min_correct drops likely mislabelled problems from rows and pairs") {
  Problem synthetic = kProblem;
  synthetic.source = "synthetic";
  // One of three verified trajectories is right.
  HandMadeTree tree;
  tree.Right(tree.Step(0, "a", 0.5), "A");
  tree.Wrong(tree.Step(0, "b", -0.5), "B");
  tree.Wrong(tree.Step(0, "c", -0.5), "C");
  SelectionOptions options = PaperSelection();
  CHECK(SelectSft({tree}, synthetic, options, {}).empty());
  CHECK(SelectPairs({tree}, synthetic, options).empty());
  options.synthetic_min_correct = 0;
  CHECK(SelectSft({tree}, synthetic, options, {}).size() == 1);
  CHECK_FALSE(SelectPairs({tree}, synthetic, options).empty());
}

TEST_CASE("Paper and released code differ in exactly the documented switches") {
  const SelectionOptions paper = PaperSelection(), code = ReferenceSelection();
  CHECK(paper.sft_per_problem == 2);
  CHECK(code.sft_per_problem == 2);
  CHECK(paper.pairs_per_side == 2);
  CHECK(code.pairs_per_side == 2);
  CHECK(paper.synthetic_min_correct == 0.5);
  CHECK(code.synthetic_min_correct == 0);
  CHECK_FALSE(paper.min_q_tiebreak);
  CHECK(code.min_q_tiebreak);
  CHECK_FALSE(paper.drop_error_text);
  CHECK(code.drop_error_text);
  CHECK_FALSE(paper.mask_output);
  CHECK_FALSE(code.mask_output);
  CHECK(paper.pair_min_margin == 0);
  CHECK(code.pair_min_margin == 0.5);
  CHECK(paper.pair_min_edit_distance == 0);
  CHECK(code.pair_min_edit_distance == 20);
  CHECK_FALSE(paper.pair_avg_q_order);
  CHECK(code.pair_avg_q_order);
  CHECK_FALSE(paper.pair_uneven);
  CHECK(code.pair_uneven);
  CHECK(paper.pair_shared_child == SharedChild::kOnce);
  CHECK(code.pair_shared_child == SharedChild::kBoth);
  CHECK(paper.final_answer_pairs);
  CHECK_FALSE(code.final_answer_pairs);
}

TEST_CASE("Every selection switch can be set by its key") {
  const char* text =
      "data_rounds: all\ninclude_demonstrations: true\nsynthetic_min_correct: 0.25\n"
      "sft_per_problem: 4\nsft_pick: shortest\nmin_q_tiebreak: true\ndrop_near_duplicates: true\n"
      "drop_error_text: true\nmask_output: true\npairs_per_side: 3\npair_correctness: false\n"
      "pair_shared_child: both\npair_answer_siblings: true\npair_uneven: true\n"
      "pair_min_margin: 0.5\npair_min_edit_distance: 20\npair_avg_q_order: true\n"
      "pair_frontier: most_visited\nfinal_answer_pairs: false\n";
  SelectionOptions o;
  SettingsFile file(text, "test.yaml");
  const auto reader = file.Reader();
  Bind(*reader, o);
  reader->Finish();
  CHECK(o.data_rounds == DataRounds::kAll);
  CHECK(o.include_demonstrations);
  CHECK(o.synthetic_min_correct == 0.25);
  CHECK(o.sft_per_problem == 4);
  CHECK(o.sft_pick == SftPick::kShortest);
  CHECK((o.min_q_tiebreak && o.drop_near_duplicates && o.drop_error_text && o.mask_output));
  CHECK(o.pairs_per_side == 3);
  CHECK_FALSE(o.pair_correctness);
  CHECK(o.pair_shared_child == SharedChild::kBoth);
  CHECK((o.pair_answer_siblings && o.pair_uneven && o.pair_avg_q_order));
  CHECK(o.pair_min_margin == 0.5);
  CHECK(o.pair_min_edit_distance == 20);
  CHECK(o.pair_frontier == PairFrontier::kMostVisited);
  CHECK_FALSE(o.final_answer_pairs);
}

TEST_CASE("On random trees rows are right and the order of the trees is irrelevant") {
  Random random(11);
  std::size_t selected = 0;
  for (int i = 0; i < 60; ++i) {
    const std::vector<Tree> trees{RandomTree(random, 0), RandomTree(random, 1)};
    const std::vector<Tree> reversed{trees[1], trees[0]};
    for (const auto& options : {PaperSelection(), ReferenceSelection()}) {
      const auto rows = SelectSft(trees, kProblem, options, {kEos});
      CHECK(rows.size() <= 2);
      selected += rows.size();
      for (const SftRow& row : rows) {
        const Tree& tree = trees[row.origin.key.attempt];
        CHECK(tree.nodes[row.origin.node].judgement.verdict == Verdict::kCorrect);
        CHECK(row.tokens.size() == row.mask.size());
        CHECK(row.tokens.back() == kEos);
      }
      CHECK(Picks(trees, options) == Picks(reversed, options));
    }
  }
  CHECK(selected > 100);
}
