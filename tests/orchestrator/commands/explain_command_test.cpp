#include <doctest/doctest.h>

#include "tests/fakes/command_line.h"

using namespace gradus;

TEST_CASE("explain names file, key, node path, problem, gold answer, verdict, seed and models") {
  const TemporaryRun t;
  const auto json = nlohmann::json::parse(OutputOf("explain --json " + t.path + " r2:3"));
  const auto& source = json["source"];
  CHECK(json["row"] == 3);
  CHECK(source["verdict"] == "correct");
  CHECK(source["answer"] == source["gold"]);
  CHECK(source["tokens_match"] == true);
  CHECK(source["steps"].size() == source["path"].size());
  for (const char* field : {"shard", "key", "seed", "policy_digest", "ppm_digest", "prompt_digest",
                            "verifier", "reason", "problem_text"}) {
    CHECK_MESSAGE(source.contains(field), field);
  }
  const auto pair = nlohmann::json::parse(OutputOf("explain --json --pairs " + t.path + " r2:0"));
  CHECK(pair["q_chosen"] > pair["q_rejected"]);
  CHECK(pair["chosen"]["steps"].size() >= 1);
  CHECK(OutputOf("explain " + t.path + " r2:3").find("step 1  node") != std::string::npos);
}
