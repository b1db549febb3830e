#include "orchestrator/rounds/orders.h"

#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "schemas/base/error.h"

namespace gradus {
namespace {

using nlohmann::json;

TEST_CASE("every order comes back as it was written") {
  const SearchOrder search = ParseSearchOrder(ToText(SearchOrder{"policy \"7\"", ""}));
  CHECK(search.policy == "policy \"7\"");
  CHECK(search.ppm.empty());

  TrainRequest request;
  request.kind = TrainKind::kPpm;
  request.order = {"m", "o", "c", {"a.h5", "b c.h5"}, "h", ~0ull};
  request.steps = 9;
  const TrainRequest back = ParseTrainRequest(ToText(request));
  CHECK(back.kind == TrainKind::kPpm);
  CHECK(back.order.model == "m");
  CHECK(back.order.output == "o");
  CHECK(back.order.checkpoints == "c");
  CHECK(back.order.data == request.order.data);
  CHECK(back.order.held_out == "h");
  CHECK(back.order.seed == ~0ull);
  CHECK(back.steps == 9);

  Problem problem;
  problem.id = "id";
  problem.problem = "1+1";
  problem.answer = "2";
  problem.level = "3";
  problem.source = "synthetic";
  problem.allowed_steps = {"a", "b"};
  const Problem other = ParseProblem(ToText(problem));
  CHECK(other.id == "id");
  CHECK(other.problem == "1+1");
  CHECK(other.answer == "2");
  CHECK(other.level == "3");
  CHECK(other.source == "synthetic");
  CHECK(other.allowed_steps == problem.allowed_steps);
}

TEST_CASE("A problem travels to a worker with its goal") {
  Problem problem{"p", "1+1 \"ü\"", "2", "3", "synthetic", {"add", "mul"}};
  const Goal goals[] = {AnswerGoal{"2"}, TheoremGoal{"1+1=2", "00", {"choice"}},
                        TestsGoal{{{"1", "2"}}, "tokens"}, ExternalGoal{R"({"a":[1,null]})"}};
  for (const Goal& goal : goals) {
    problem.goal = goal;
    const Problem there = ParseProblem(ToText(problem));
    CHECK(there.id == problem.id);
    CHECK(there.problem == problem.problem);
    CHECK(there.answer == problem.answer);
    CHECK(there.level == problem.level);
    CHECK(there.source == problem.source);
    CHECK(there.allowed_steps == problem.allowed_steps);
    CHECK(there.goal == goal);
  }
}

TEST_CASE("numbers of a training keep every bit, and what is not finite stays unknown") {
  TrainProgress progress;
  progress.step = 2;
  progress.tokens = 1ull << 60;
  progress.loss = 1.0 / 3;
  progress.grad_norm = std::numeric_limits<double>::infinity();
  const TrainProgress back = ParseTrainProgress(ToText(progress));
  CHECK(back.step == 2);
  CHECK(back.tokens == 1ull << 60);
  CHECK(back.loss == 1.0 / 3);
  CHECK(std::isnan(back.grad_norm));
  CHECK(std::isnan(back.pair_accuracy));

  TrainReport report;
  report.first_loss = 0.1;
  report.pair_accuracy = 0.625;
  report.published_step = 4;
  CHECK(ParseTrainReport(ToText(report)).first_loss == 0.1);
  CHECK(ParseTrainReport(ToText(report)).pair_accuracy == 0.625);
  CHECK(ParseTrainReport(ToText(report)).published_step == 4);
  report.pair_accuracy = kNotMeasured;
  CHECK_FALSE(json::parse(ToText(report)).contains("pair_accuracy"));
  CHECK(std::isnan(ParseTrainReport(ToText(report)).pair_accuracy));
}

TEST_CASE("reports of runs that knew less are read") {
  const TrainReport report = ParseTrainReport(
      R"({"steps":5,"tokens":1,"dropped_rows":0,"skipped_steps":0,"held_out_pairs":0})");
  CHECK(report.published_step == 5);
  CHECK(std::isnan(report.first_loss));
}

TEST_CASE("text that is no order is an error") {
  const std::string good = ToText(SearchOrder{"policy", "ppm"});
  for (std::size_t size = 0; size < good.size(); ++size) {
    CHECK_THROWS_AS(ParseSearchOrder(good.substr(0, size)), Error);
  }
  CHECK_THROWS_AS(ParseSearchOrder(R"({"policy":"p"})"), Error);
  CHECK_THROWS_AS(ParseSearchOrder(R"({"policy":1,"ppm":""})"), Error);
  CHECK_THROWS_AS(ParseSearchOrder("[1,2]"), Error);
  CHECK_THROWS_AS(ParseTrainRequest(good), Error);
  CHECK_THROWS_AS(ParseTrainProgress("{}"), Error);
  CHECK_THROWS_AS(ParseProblem("null"), Error);
}

}  // namespace
}  // namespace gradus
