#include <doctest/doctest.h>

#include "orchestrator/selection/selection.h"
#include "schemas/base/seed.h"
#include "tests/fakes/hand_made_tree.h"

using namespace gradus;

namespace {

const Problem kProblem{"p", "1+1", "2", "3", "", {}};

std::string Text(const std::vector<std::int32_t>& tokens) { return HandMadeTree::Text(tokens); }

// "chosen>rejected" after the prefix, in the order they are selected; trajectory pairs start with
// "*".
std::vector<std::string> PairTexts(const std::vector<Tree>& trees,
                                   const SelectionOptions& options) {
  std::vector<std::string> texts;
  for (const PreferencePair& pair : SelectPairs(trees, kProblem, options)) {
    texts.push_back((pair.final_step ? "*" : "") + Text(pair.prefix).substr(2) + "|" +
                    Text(pair.chosen) + ">" + Text(pair.rejected));
  }
  return texts;
}

using Texts = std::vector<std::string>;

SelectionOptions StepPairsOnly() {
  SelectionOptions options = PaperSelection();
  options.final_answer_pairs = false;
  return options;
}

// Five steps under the root, each with one answer: right below a .75, b .5, e .25; wrong below c
// .125, d -.25.
HandMadeTree FiveSteps() {
  HandMadeTree tree;
  const int a = tree.Step(0, "a", 0.75), b = tree.Step(0, "b", 0.5), c = tree.Step(0, "c", 0.125);
  const int d = tree.Step(0, "d", -0.25), e = tree.Step(0, "e", 0.25);
  tree.Right(a, "A");
  tree.Right(b, "B");
  tree.Wrong(c, "C");
  tree.Wrong(d, "D");
  tree.Right(e, "E");
  return tree;
}

}  // namespace

TEST_CASE(
    "The two best steps that lead to a right answer stand against the two worst that do not") {
  const auto pairs = SelectPairs({FiveSteps()}, kProblem, StepPairsOnly());
  CHECK(PairTexts({FiveSteps()}, StepPairsOnly()) == Texts{"|a>d", "|a>c", "|b>d", "|b>c"});
  for (const PreferencePair& pair : pairs) {
    CHECK(Text(pair.prefix) == "Q:");
    CHECK(pair.n_pos == 2);
    CHECK(pair.n_neg == 2);
    CHECK_FALSE(pair.final_step);
  }
  CHECK(pairs[0].q_chosen == 0.75);
  CHECK(pairs[0].q_rejected == -0.25);
  CHECK(pairs[0].chosen_origin.node == 1);
  CHECK(pairs[0].rejected_origin.node == 4);
}

TEST_CASE("pairs_per_side sets the size of both sides") {
  SelectionOptions options = StepPairsOnly();
  options.pairs_per_side = 1;
  CHECK(PairTexts({FiveSteps()}, options) == Texts{"|a>d"});
  options.pairs_per_side = 3;
  CHECK(PairTexts({FiveSteps()}, options).size() == 6);
}

TEST_CASE(
    "pair_correctness keeps a step with a high Q that leads to wrong answers off the chosen side") {
  HandMadeTree tree;
  tree.Wrong(tree.Step(0, "x", 0.75), "X");
  tree.Right(tree.Step(0, "y", 0.5), "Y");
  SelectionOptions options = StepPairsOnly();
  CHECK(PairTexts({tree}, options).empty());  // y over x has no positive margin.
  options.pair_correctness = false;
  CHECK(PairTexts({tree}, options) == Texts{"|x>y"});
}

TEST_CASE("A step with both kinds of answer stands on one side, or on both in the released code") {
  // m .5 and n .25 each lead to a right and a wrong answer. In turns: m is chosen, then n rejected.
  HandMadeTree tree;
  const int m = tree.Step(0, "m", 0.5), n = tree.Step(0, "n", 0.25);
  for (int step : {m, n}) {
    tree.Right(step, "R");
    tree.Wrong(step, "W");
  }
  SelectionOptions options = StepPairsOnly();
  auto pairs = SelectPairs({tree}, kProblem, options);
  REQUIRE(pairs.size() == 1);
  CHECK(pairs[0].n_pos * pairs[0].n_neg == 1);
  options.pair_shared_child = SharedChild::kBoth;
  pairs = SelectPairs({tree}, kProblem, options);
  REQUIRE(pairs.size() == 1);  // m over n; n over m, m over m and n over n have no positive margin.
  CHECK(Text(pairs[0].chosen) + Text(pairs[0].rejected) == "mn");
  CHECK(pairs[0].n_pos * pairs[0].n_neg == 4);
}

TEST_CASE("pair_answer_siblings lets answers of one parent stand against each other") {
  HandMadeTree tree;
  const int a = tree.Step(0, "a", 0.5, 4, "5");
  tree.Right(a, "R");
  tree.Wrong(a, "W");
  SelectionOptions options = StepPairsOnly();
  CHECK(PairTexts({tree}, options).empty());
  options.pair_answer_siblings = true;
  CHECK(PairTexts({tree}, options) == Texts{"a5|R>W"});  // The prefix holds the step's output.
}

TEST_CASE("Sides hold the step and its interpreter output, as the search scores them") {
  HandMadeTree tree;
  tree.Right(tree.Step(0, "a", 0.5, 4, "1"), "A");
  tree.Wrong(tree.Step(0, "b", -0.5, 4, "2"), "B");
  CHECK(PairTexts({tree}, StepPairsOnly()) == Texts{"|a1>b2"});
}

TEST_CASE("pair_uneven lets the other side of a single step have twice as many") {
  HandMadeTree tree;
  tree.Right(tree.Step(0, "a", 0.5), "A");
  for (int i = 0; i < 5; ++i) {
    tree.Wrong(tree.Step(0, std::to_string(i), -0.125 * i), "W");
  }
  SelectionOptions options = StepPairsOnly();
  CHECK(PairTexts({tree}, options) == Texts{"|a>4", "|a>3"});
  options.pair_uneven = true;
  CHECK(PairTexts({tree}, options) == Texts{"|a>4", "|a>3", "|a>2", "|a>1"});
  CHECK(SelectPairs({tree}, kProblem, options)[0].n_neg == 4);
  options.pair_shared_child = SharedChild::kBoth;
  CHECK(PairTexts({tree}, options).size() == 4);
}

TEST_CASE(
    "pair_min_margin drops close pairs, keeps n_pos and n_neg, and equal Q never makes a pair") {
  // Margins: a-d 1, a-c .625, b-d .75, b-c .375.
  SelectionOptions options = StepPairsOnly();
  options.pair_min_margin = 0.625;
  CHECK(PairTexts({FiveSteps()}, options) == Texts{"|a>d", "|a>c", "|b>d"});
  CHECK(SelectPairs({FiveSteps()}, kProblem, options)[0].n_neg == 2);
  HandMadeTree tie;
  tie.Right(tie.Step(0, "a", 0.5), "A");
  tie.Wrong(tie.Step(0, "b", 0.5), "B");
  CHECK(PairTexts({tie}, StepPairsOnly()).empty());
}

TEST_CASE("pair_min_edit_distance counts characters, not bytes") {
  const auto pairs_at = [](const std::string& a, const std::string& b, int distance) {
    HandMadeTree tree;
    tree.Right(tree.Step(0, a, 0.5), "A");
    tree.Wrong(tree.Step(0, b, -0.5), "B");
    SelectionOptions options = StepPairsOnly();
    options.pair_min_edit_distance = distance;
    return PairTexts({tree}, options).size();
  };
  // kitten → sitting takes three edits.
  CHECK(pairs_at("kitten", "sitting", 3) == 1);
  CHECK(pairs_at("kitten", "sitting", 4) == 0);
  CHECK(pairs_at("äöü", "xyz", 3) == 1);
  CHECK(pairs_at("äöü", "xyz", 4) == 0);
  CHECK(pairs_at("ab", "abcdefghij", 8) == 1);
  CHECK(pairs_at("ab", "abcdefghij", 9) == 0);
  // A shift by one: far apart by position, two edits in truth.
  CHECK(pairs_at("abcdefghijklmnopqrstuvwxyz", "bcdefghijklmnopqrstuvwxyza", 2) == 1);
  CHECK(pairs_at("abcdefghijklmnopqrstuvwxyz", "bcdefghijklmnopqrstuvwxyza", 3) == 0);
}

TEST_CASE("pair_avg_q_order compares the best continuation with the other's worst") {
  // Chosen a .5 → a1 -1 → right +1: mean 1/6. Rejected b .25 → b1 1 → b2 1 → wrong -1: mean 5/16,
  // higher.
  HandMadeTree tree;
  const int a = tree.Step(0, "a", 0.5), b = tree.Step(0, "b", 0.25);
  tree.Right(tree.Step(a, "a1", -1), "A");
  tree.Wrong(tree.Step(tree.Step(b, "b1", 1), "b2", 1), "B");
  SelectionOptions options = StepPairsOnly();
  CHECK(PairTexts({tree}, options) == Texts{"|a>b"});
  options.pair_avg_q_order = true;
  CHECK(PairTexts({tree}, options).empty());
  // A better way below a (mean of .5, 1, 1 is 5/6) puts the order right again.
  tree.Right(tree.Step(a, "a2", 1), "A");
  CHECK(PairTexts({tree}, options) == Texts{"|a>b"});
}

TEST_CASE("pair_frontier follows every step with both kinds of answer, or only the most visited") {
  HandMadeTree tree;
  const int m = tree.Step(0, "m", 0.5, 5), n = tree.Step(0, "n", 0.25, 9);
  for (int step : {m, n}) {
    tree.Right(tree.Step(step, "r", 0.5), "R");
    tree.Wrong(tree.Step(step, "w", -0.5), "W");
  }
  SelectionOptions options = StepPairsOnly();
  CHECK(PairTexts({tree}, options) == Texts{"|m>n", "m|r>w", "n|r>w"});
  options.pair_frontier = PairFrontier::kMostVisited;
  CHECK(PairTexts({tree}, options) == Texts{"|m>n", "n|r>w"});
}

TEST_CASE("final_answer_pairs puts the best right trajectories against the worst wrong ones") {
  // Means: aA .875, bB .75, eE .625; cC -.4375, dD -.625.
  SelectionOptions options = PaperSelection();
  CHECK(PairTexts({FiveSteps()}, options) ==
        Texts{"|a>d", "|a>c", "|b>d", "|b>c", "*|aA>dD", "*|aA>cC", "*|bB>dD", "*|bB>cC"});
  options.final_answer_pairs = false;
  CHECK(PairTexts({FiveSteps()}, options).size() == 4);
}

TEST_CASE("Trajectory pairs reach across attempts, sibling pairs do not") {
  HandMadeTree right(0), wrong(1);
  right.Right(right.Step(0, "a", 0.5), "A");
  wrong.Wrong(wrong.Step(0, "b", -0.5), "B");
  CHECK(PairTexts({right, wrong}, PaperSelection()) == Texts{"*|aA>bB"});
  CHECK(PairTexts({wrong, right}, PaperSelection()) == Texts{"*|aA>bB"});
}

TEST_CASE("All right, all wrong, unverifiable and failed steps give no pairs") {
  HandMadeTree right, wrong, open;
  right.Right(right.Step(0, "a", 0.5), "A");
  right.Right(right.Step(0, "b", 0.25), "B");
  wrong.Wrong(wrong.Step(0, "a", -0.5), "A");
  wrong.Wrong(wrong.Step(0, "b", -0.25), "B");
  open.Right(open.Step(0, "a", 0.5), "A");
  open.Answer(open.Step(0, "b", 0), "B", Verdict::kUnverifiable);
  open.Failed(0, "boom", "exception");
  for (const auto& options : {PaperSelection(), ReferenceSelection()}) {
    CHECK(PairTexts({right}, options).empty());
    CHECK(PairTexts({wrong}, options).empty());
    CHECK(PairTexts({open}, options).empty());
  }
}

TEST_CASE("A step nobody visited has no Q and makes no sibling pair") {
  HandMadeTree tree;
  tree.Right(tree.Step(0, "a", 0.5), "A");
  tree.Wrong(tree.Step(0, "b", 0, 0), "B");
  CHECK(PairTexts({tree}, StepPairsOnly()).empty());
}

namespace {

bool Leads(const Tree& tree, std::int32_t node, Verdict verdict) {
  for (std::int32_t leaf : AnswerLeaves(tree)) {
    if (tree.nodes[leaf].judgement.verdict != verdict) continue;
    for (std::int32_t at = leaf; at >= 0; at = tree.nodes[at].parent) {
      if (at == node) return true;
    }
  }
  return false;
}

void CheckPair(const std::vector<Tree>& trees, const PreferencePair& pair) {
  const Tree& good = trees[pair.chosen_origin.key.attempt];
  const Tree& bad = trees[pair.rejected_origin.key.attempt];
  CHECK(Leads(good, pair.chosen_origin.node, Verdict::kCorrect));
  CHECK(Leads(bad, pair.rejected_origin.node, Verdict::kWrong));
  CHECK_FALSE(pair.chosen.empty());
  CHECK_FALSE(pair.rejected.empty());
  CHECK((pair.n_pos >= 1 && pair.n_neg >= 1));
  if (pair.final_step) return;
  CHECK(pair.q_chosen > pair.q_rejected);
  CHECK(pair.chosen_origin.key == pair.rejected_origin.key);
  CHECK(good.nodes[pair.chosen_origin.node].parent == bad.nodes[pair.rejected_origin.node].parent);
}

}  // namespace

TEST_CASE("On random trees pairs are ordered and the order of the trees is irrelevant") {
  Random random(11);
  int selected = 0;
  for (int i = 0; i < 60; ++i) {
    const std::vector<Tree> trees{RandomTree(random, 0), RandomTree(random, 1)};
    const std::vector<Tree> reversed{trees[1], trees[0]};
    for (const auto& options : {PaperSelection(), ReferenceSelection()}) {
      for (const PreferencePair& pair : SelectPairs(trees, kProblem, options)) {
        CheckPair(trees, pair);
        ++selected;
      }
      CHECK(PairTexts(trees, options) == PairTexts(reversed, options));
    }
  }
  CHECK(selected > 100);
}
