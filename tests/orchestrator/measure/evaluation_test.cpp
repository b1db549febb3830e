#include "orchestrator/measure/evaluation.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "orchestrator/measure/round_metrics.h"
#include "schemas/base/error.h"
#include "schemas/base/settings.h"
#include "tests/fakes/hand_made_tree.h"

using namespace gradus;

namespace {

bool SameText(std::string_view a, std::string_view b) { return a == b; }

std::vector<Problem> Problems(const std::vector<std::string>& levels) {
  std::vector<Problem> problems;
  for (std::size_t i = 0; i < levels.size(); ++i) {
    problems.push_back({"p" + std::to_string(i), "?", "1", levels[i], "", {}});
  }
  return problems;
}

Tree HeldOut(HandMadeTree tree, std::uint32_t problem, EvalMethod method) {
  tree.tree().key = {1, Phase::kEvaluate, problem, static_cast<std::uint32_t>(method)};
  return tree;
}

RoundMetrics MeasureTrees(const std::vector<Tree>& trees, const std::vector<Problem>& problems) {
  RoundMeter meter(problems);
  for (const Tree& tree : trees) meter.Add(tree);
  return meter.Metrics();
}

Tree OneAnswer(std::uint32_t problem, EvalMethod method, Verdict verdict) {
  HandMadeTree tree;
  tree.Answer(tree.Step(0, "a", 0), "1", verdict);
  return HeldOut(tree, problem, method);
}

}  // namespace

TEST_CASE("Greedy accuracy counts overall and by level, levels in numeric order") {
  using enum Verdict;
  const auto problems = Problems({"10", "2", "2", "10"});
  HandMadeTree silent;
  silent.Failed(0, "boom", "exception");
  const std::vector<Tree> trees{
      OneAnswer(0, EvalMethod::kGreedy, kCorrect), OneAnswer(1, EvalMethod::kGreedy, kCorrect),
      OneAnswer(2, EvalMethod::kGreedy, kUnverifiable), HeldOut(silent, 3, EvalMethod::kGreedy)};
  const EvalSummary summary = MeasureEvaluation(trees, problems, 0, SameText);
  CHECK(summary.greedy.all.Value() == 0.5);
  CHECK(summary.greedy.all.unverifiable == 1);
  const auto json = ToJson(summary);
  CHECK(json["n"] == 4);
  CHECK(json["greedy_by_level"].dump() == R"({"2":0.5,"10":0.5})");
  CHECK_FALSE(json.contains("control"));
  CHECK_FALSE(json.contains("pass_at_k"));
}

TEST_CASE("The control is measured apart from the policy") {
  const auto problems = Problems({"1"});
  const std::vector<Tree> trees{OneAnswer(0, EvalMethod::kGreedy, Verdict::kCorrect),
                                OneAnswer(0, EvalMethod::kControlGreedy, Verdict::kWrong)};
  const auto json = ToJson(MeasureEvaluation(trees, problems, 0, SameText));
  CHECK(json["greedy"] == 1.0);
  CHECK(json["control"] == 0.0);
}

TEST_CASE("pass@k is the unbiased estimate") {
  // 4 chains, 1 right: k = 1: 1/4; k = 2: 1 - C(3,2)/C(4,2) = 1/2; k = 4: 1.
  CHECK(PassAtK(4, 1, 1) == doctest::Approx(0.25));
  CHECK(PassAtK(4, 1, 2) == doctest::Approx(0.5));
  CHECK(PassAtK(4, 1, 4) == 1);
  CHECK(PassAtK(4, 0, 4) == 0);
  CHECK(PassAtK(4, 4, 1) == doctest::Approx(1));
  CHECK(PassAtK(64, 3, 8) == doctest::Approx(1 - 27720.0 / 41664));
}

TEST_CASE("Chains are weighted by how often they were sampled, missing ones are wrong") {
  // 4 chains asked for: "1" right once, "2" wrong twice as one node, one chain without an answer.
  HandMadeTree tree;
  tree.Right(tree.Step(0, "a", 0), "1");
  const int wrong = tree.Wrong(tree.Step(0, "b", 0), "2");
  tree[wrong].samples = 2;
  const auto json = ToJson(
      MeasureEvaluation({HeldOut(tree, 0, EvalMethod::kSample)}, Problems({"1"}), 4, SameText));
  CHECK(json["k"] == 4);
  CHECK(json["pass_at_k"] == 1.0);
  CHECK(json["pass_at"]["1"].get<double>() == doctest::Approx(0.25));
  CHECK(json["pass_at"]["2"].get<double>() == doctest::Approx(0.5));
  CHECK(json["majority"] == 0.0);
}

TEST_CASE("The vote groups equal answers, however they are written, and the first one wins a tie") {
  const auto majority = [](std::vector<std::pair<std::string, Verdict>> answers) {
    HandMadeTree tree;
    for (std::size_t i = 0; i < answers.size(); ++i) {
      tree.Answer(tree.Step(0, std::string(i + 1, 'a'), 0), answers[i].first, answers[i].second);
    }
    const auto same = [](std::string_view a, std::string_view b) {
      return a == b || (a == "1/2" && b == "0.5") || (a == "0.5" && b == "1/2");
    };
    return MeasureEvaluation({HeldOut(tree, 0, EvalMethod::kSample)}, Problems({"1"}),
                             static_cast<int>(answers.size()), same)
        .majority.all.Value();
  };
  using enum Verdict;
  CHECK(majority({{"3", kWrong}, {"1/2", kCorrect}, {"0.5", kCorrect}}) == 1);
  CHECK(majority({{"3", kWrong}, {"1/2", kCorrect}, {"4", kWrong}, {"3", kWrong}}) == 0);
  CHECK(majority({{"3", kWrong}, {"1/2", kCorrect}}) == 0);
  CHECK(majority({{"1/2", kCorrect}, {"3", kWrong}}) == 1);
  CHECK(majority({}) == 0);
}

TEST_CASE("The PPM chooses the search's answer, between the bound and a random choice") {
  // Answers: wrong with score .75, right with .5, right with .25: the PPM is wrong, 2 of 3 are
  // right.
  HandMadeTree tree;
  const int wrong = tree.Wrong(tree.Step(0, "a", 0), "2");
  const int right = tree.Right(tree.Step(0, "b", 0), "1");
  const int other = tree.Right(tree.Step(0, "c", 0), "1");
  for (int i : {wrong, right, other}) tree[i].has_ppm = true;
  tree[wrong].ppm = 0.75f;
  tree[right].ppm = 0.5f;
  tree[other].ppm = 0.25f;
  const auto measure = [&] {
    return MeasureEvaluation({HeldOut(tree, 0, EvalMethod::kSearch)}, Problems({"1"}), 0, SameText);
  };
  CHECK(measure().ppm_guided.all.Value() == 0);
  CHECK(measure().search_any.all.Value() == 1);
  CHECK(measure().search_random.all.Value() == doctest::Approx(2.0 / 3));
  tree[right].ppm = 1;
  CHECK(measure().ppm_guided.all.Value() == 1);
}

TEST_CASE("The Wilson interval holds the rate and matches known values") {
  // 8 of 10: (0.4902, 0.9433) in the literature.
  const Interval interval = WilsonInterval(8, 10);
  CHECK(interval.low == doctest::Approx(0.4902).epsilon(0.001));
  CHECK(interval.high == doctest::Approx(0.9433).epsilon(0.001));
  CHECK(WilsonInterval(0, 10).low == doctest::Approx(0));
  CHECK(WilsonInterval(10, 10).high == doctest::Approx(1));
  CHECK(WilsonInterval(0, 0).low == 0);
  CHECK(WilsonInterval(0, 0).high == 1);
}

TEST_CASE("Evaluation keys honour the limits, the methods and what models there are") {
  const auto problems = Problems({"1", "1", "2", "2", "2"});
  EvaluationOptions options;
  options.per_level = 2;
  options.sample_per_level = 1;
  options.search_per_level = 5;  // Never more than per_level.
  const auto count = [&](EvalModels models, EvalMethod method) {
    const auto keys = EvaluationKeys(3, problems, options, models);
    CHECK(std::is_sorted(keys.begin(), keys.end()));
    return std::count_if(keys.begin(), keys.end(), [&](const Key& key) {
      CHECK(key.round == 3);
      CHECK(key.phase == Phase::kEvaluate);
      return key.attempt == static_cast<std::uint32_t>(method);
    });
  };
  const EvalModels all{true, true};
  CHECK(count(all, EvalMethod::kGreedy) == 4);
  CHECK(count(all, EvalMethod::kSample) == 2);
  CHECK(count(all, EvalMethod::kSearch) == 4);
  CHECK(count(all, EvalMethod::kControlGreedy) == 4);
  CHECK(count({}, EvalMethod::kSearch) == 0);
  CHECK(count({}, EvalMethod::kControlGreedy) == 0);
  options.per_level = 0;
  CHECK(count(all, EvalMethod::kGreedy) == 5);
  CHECK(count(all, EvalMethod::kSample) == 2);
  options.greedy = false;
  options.samples = 0;
  options.search = false;
  CHECK(EvaluationKeys(3, problems, options, all).empty());
}

TEST_CASE("Evaluation options are set by their keys") {
  SettingsFile file(
      "problems: held_out.jsonl\nper_level: 3\ngreedy: false\nsamples: 16\nsample_per_level: 2\n"
      "search: false\nsearch_per_level: 1\ncandidates: 32\nrollouts: 4\n",
      "test.yaml");
  EvaluationOptions o;
  const auto reader = file.Reader();
  Bind(*reader, o);
  reader->Finish();
  CHECK(o.problems == "held_out.jsonl");
  CHECK(
      (o.per_level == 3 && o.samples == 16 && o.sample_per_level == 2 && o.search_per_level == 1));
  CHECK((o.candidates == 32 && o.rollouts == 4));
  CHECK_FALSE((o.greedy || o.search));
}

TEST_CASE("Coverage, difficulty, cost and failures of a round come from its trees") {
  using enum Verdict;
  const auto problems = Problems({"1", "2", "2"});
  HandMadeTree easy(0), hard(0), second_try(1), open(0);
  easy.Right(easy.Step(0, "a", 0), "1");
  hard.Wrong(hard.Step(0, "a", 0), "2");
  hard.Failed(0, "b", "exception");
  second_try.Right(second_try.Step(0, "a", 0), "1");
  open.Answer(open.Step(0, "a", 0), "?", kUnverifiable);
  hard.tree().key.problem = second_try.tree().key.problem = 1;
  open.tree().key.problem = 2;
  easy.tree().cost.tokens_generated = 10;
  hard.tree().cost.tokens_generated = 20;
  hard.tree().cost.programs = 6;
  std::vector<Tree> trees{easy, hard, second_try, open};
  const RoundMetrics metrics = MeasureTrees(trees, problems);
  CHECK(metrics.coverage.all.successes == 2);
  CHECK(metrics.coverage.all.total == 3);
  CHECK(metrics.coverage.all.unverifiable == 1);
  CHECK((metrics.easy == 1 && metrics.medium == 1 && metrics.hard == 0 && metrics.unknown == 1));
  const auto json = ToJson(metrics);
  CHECK(json["coverage"]["by_level"].dump() == R"({"1":1.0,"2":0.5})");
  CHECK(json["cost"]["tokens_per_solved"] == 15.0);
  CHECK(json["cost"]["programs_per_solved"] == 3.0);
  CHECK(json["failures"]["exception"] == 1);
  CHECK(json["failures"]["unverifiable: hand-made"] == 1);
  std::reverse(trees.begin(), trees.end());
  CHECK(ToJson(MeasureTrees(trees, problems)).dump() == json.dump());
}

TEST_CASE("Trees out of key order, or one given twice, are refused: sums would depend on it") {
  const auto problems = Problems({"1", "1"});
  EvaluationMeter meter(problems, 0, SameText);
  const Tree first = OneAnswer(0, EvalMethod::kGreedy, Verdict::kCorrect);
  const Tree second = OneAnswer(1, EvalMethod::kGreedy, Verdict::kWrong);
  meter.Add(first);
  CHECK_THROWS_AS(meter.Add(first), Error);
  meter.Add(second);
  CHECK_THROWS_AS(meter.Add(first), Error);
  CHECK(meter.summary().greedy.all.Value() == 0.5);
  CHECK(MeasureEvaluation({second, first}, problems, 0, SameText).greedy.all.Value() == 0.5);
}

TEST_CASE("A key outside the problem file is refused") {
  const Tree tree = OneAnswer(5, EvalMethod::kGreedy, Verdict::kCorrect);
  CHECK_THROWS_AS(MeasureEvaluation({tree}, Problems({"1"}), 0, SameText), Error);
  CHECK_THROWS_AS(MeasureTrees({tree}, Problems({"1"})), Error);
}
