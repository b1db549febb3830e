#include "orchestrator/rounds/plan.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "schemas/base/file.h"
#include "tests/fakes/scripted_campaign.h"
#include "tests/fakes/temp_folder.h"

namespace gradus {
namespace {

Config Curriculum(int min_level, int max_level, int per_level) {
  Config config;
  config.problems.min_level = {{min_level}};
  config.problems.max_level = {{max_level}};
  config.problems.per_level = {{per_level}};
  return config;
}

TEST_CASE("without a range every round works on all problems") {
  const std::vector<Problem> problems = NumberedProblems(7, 3);
  for (RoundIndex round : {1, 2}) {
    CHECK(DrawProblems(Config{}, problems, round) ==
          std::vector<std::uint32_t>{0, 1, 2, 3, 4, 5, 6});
  }
}

TEST_CASE("drawn problems have a level of the range, so many of each, in ascending order") {
  const std::vector<Problem> problems = NumberedProblems(120, 4);
  for (int per_level : {1, 5, 29}) {
    const auto drawn = DrawProblems(Curriculum(2, 3, per_level), problems, 1);
    CHECK(drawn.size() == static_cast<std::size_t>(2 * per_level));
    CHECK(std::is_sorted(drawn.begin(), drawn.end()));
    std::map<std::string, int> count;
    for (const std::uint32_t i : drawn) ++count[problems[i].level];
    CHECK(count == std::map<std::string, int>{{"2", per_level}, {"3", per_level}});
  }
}

TEST_CASE("no problem comes twice before all of its level have come") {
  const std::vector<Problem> problems = NumberedProblems(60, 2);
  const Config config = Curriculum(1, 2, 10);
  std::set<std::uint32_t> seen;
  for (RoundIndex round = 1; round <= 3; ++round) {
    for (const std::uint32_t i : DrawProblems(config, problems, round)) {
      CHECK(seen.insert(i).second);
    }
  }
  CHECK(seen.size() == 60);
  CHECK(DrawProblems(config, problems, 4) == DrawProblems(config, problems, 1));
}

TEST_CASE("a plan names last round's models and is written for people") {
  const TempFolder folder;
  ScriptedCampaign play(folder.path(), [](int) { return Searching(); });
  Campaign& c = play.campaign();
  c.problems = NumberedProblems(3);
  RoundPlan plan = PlanRound(c, 2);
  CHECK(plan.policy == c.files.Policy(1));
  CHECK(plan.ppm.empty());
  CHECK(plan.base == c.files.Policy(0));
  MakeFolder(c.files.Ppm(1));
  c.config.policy.train_from = TrainFrom::kPrevious;
  plan = PlanRound(c, 2);
  CHECK(plan.ppm == c.files.Ppm(1));
  CHECK(plan.base == plan.policy);
  const auto written = nlohmann::json::parse(ReadFile(c.files.Plan(2)));
  CHECK(written["round"] == 2);
  CHECK(written["policy"] == "rounds/0001/policy");
  CHECK(written["ppm"] == "rounds/0001/ppm");
  CHECK(written["problems"] == nlohmann::json({0, 1, 2}));
}

TEST_CASE("a range without problems is refused by its names") {
  const TempFolder folder;
  ScriptedCampaign play(folder.path(), [](int) { return Searching(); });
  play.campaign().problems = NumberedProblems(3);
  play.campaign().config.problems = Curriculum(8, 9, 1).problems;
  std::string what;
  CHECK(CodeOf([&] { PlanRound(play.campaign(), 1); }, &what) == ExitCode::kBadInput);
  CHECK(Contains(what, "problems.min_level"));
}

}  // namespace
}  // namespace gradus
