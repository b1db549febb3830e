#include "orchestrator/selection/difficulty.h"

#include <doctest/doctest.h>

#include "tests/fakes/hand_made_tree.h"

using namespace gradus;

namespace {

Problem Synthetic() { return {"p", "1+1", "2", "1", "synthetic", {}}; }

std::vector<Tree> WithVerdicts(const std::vector<Verdict>& verdicts) {
  HandMadeTree tree;
  const int step = tree.Step(0, "a", 0);
  for (std::size_t i = 0; i < verdicts.size(); ++i) {
    tree.Answer(step, "answer " + std::to_string(i), verdicts[i]);
  }
  return {tree};
}

}  // namespace

TEST_CASE("A problem is easy when every answer is right, medium when some are, hard when none is") {
  using enum Verdict;
  CHECK(DifficultyOf(WithVerdicts({kCorrect, kCorrect})) == Difficulty::kEasy);
  CHECK(DifficultyOf(WithVerdicts({kCorrect, kWrong})) == Difficulty::kMedium);
  CHECK(DifficultyOf(WithVerdicts({kWrong, kWrong})) == Difficulty::kHard);
  CHECK(DifficultyOf(WithVerdicts({})) == Difficulty::kHard);
}

TEST_CASE("Unverifiable answers count neither as right nor as wrong") {
  using enum Verdict;
  CHECK(DifficultyOf(WithVerdicts({kCorrect, kUnverifiable})) == Difficulty::kEasy);
  CHECK(DifficultyOf(WithVerdicts({kWrong, kUnverifiable})) == Difficulty::kHard);
  CHECK(DifficultyOf(WithVerdicts({kUnverifiable})) == Difficulty::kUnknown);
  CHECK_FALSE(Solved(WithVerdicts({kUnverifiable})));
}

TEST_CASE("Failed steps are no answers") {
  HandMadeTree tree;
  tree.Right(0, "right");
  tree.Failed(0, "boom", "exception");
  CHECK(DifficultyOf({tree}) == Difficulty::kEasy);
}

TEST_CASE("A problem's attempts count together") {
  HandMadeTree first(0), second(1);
  first.Wrong(0, "wrong");
  second.Right(0, "right");
  CHECK(DifficultyOf({first}) == Difficulty::kHard);
  CHECK(DifficultyOf({first, second}) == Difficulty::kMedium);
  CHECK(Solved({first, second}));
}

TEST_CASE("Whatever is not known to be solved gets the extra search") {
  CHECK(NeedsExtraSearch(Difficulty::kHard));
  CHECK(NeedsExtraSearch(Difficulty::kUnknown));
  CHECK_FALSE(NeedsExtraSearch(Difficulty::kMedium));
  CHECK_FALSE(NeedsExtraSearch(Difficulty::kEasy));
  CHECK(DifficultyOf({}) == Difficulty::kUnknown);
}

TEST_CASE("A synthetic problem with less than half of its verified trajectories right is dropped") {
  using enum Verdict;
  const auto third = WithVerdicts({kCorrect, kWrong, kWrong});
  CHECK(LikelyMislabelled(Synthetic(), third, 0.5));
  CHECK_FALSE(LikelyMislabelled(Synthetic(), third, 0.25));
  CHECK_FALSE(LikelyMislabelled(Synthetic(), third, 0));
  // Exactly half is enough; what could not be verified does not count against the label.
  CHECK_FALSE(LikelyMislabelled(Synthetic(), WithVerdicts({kCorrect, kWrong}), 0.5));
  CHECK_FALSE(
      LikelyMislabelled(Synthetic(), WithVerdicts({kCorrect, kUnverifiable, kUnverifiable}), 0.5));
  Problem real = Synthetic();
  real.source = "competition";
  CHECK_FALSE(LikelyMislabelled(real, third, 0.5));
}
