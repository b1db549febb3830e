#include <doctest/doctest.h>

#include "tests/fakes/command_line.h"

using namespace gradus;

TEST_CASE("status --json has a row for each round and the progress of the one in flight") {
  const TemporaryRun t;
  const auto json = nlohmann::json::parse(OutputOf("status --json " + t.path));
  REQUIRE(json["rounds"].size() == 4);
  CHECK(json["live"] == true);
  CHECK(json["progress"]["round"] == 3);
  const auto& second = json["rounds"][2];
  CHECK(second["round"] == 2);
  CHECK(second["coverage"]["all"].is_number());
  CHECK(second["eval"]["greedy"].is_number());
  CHECK(second["eval"]["control"].is_number());
  CHECK(second["ppm"]["pair_accuracy"].is_number());
  CHECK(second["cost"]["tokens"].is_number());
  CHECK(json["rounds"][3]["published"] == false);
}

TEST_CASE("status shows a dash for what a round does not have") {
  const TemporaryRun t;
  const std::string text = OutputOf("status " + t.path);
  CHECK(text.find("35.0%") != std::string::npos);
  CHECK(text.find("–") != std::string::npos);
  CHECK(text.find("round 3, rollout: 2 of 24 problems (8%)") != std::string::npos);
  CHECK(text.find("! 2 answers could not be verified") != std::string::npos);
}
