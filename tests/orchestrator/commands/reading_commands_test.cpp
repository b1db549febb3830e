#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <sstream>

#include "orchestrator/commands/commands.h"
#include "orchestrator/health/health.h"
#include "schemas/base/error.h"
#include "tests/fakes/hand_made_run.h"

using namespace gradus;

namespace {

fs::path Scratch(const char* name) {
  return fs::temp_directory_path() / fmt::format("gradus-{}-{}", name, ::getpid());
}

// Runs one command line in this process and returns what it printed on stdout.
std::string OutputOf(const std::string& line) {
  CLI::App app{"gradus"};
  int exit_code = 0;
  AddStatusCommand(app, exit_code);
  AddInspectCommand(app, exit_code);
  AddExplainCommand(app, exit_code);
  const fs::path file = Scratch("stdout");
  std::fflush(stdout);
  const Fd terminal(::dup(STDOUT_FILENO));
  const Fd capture(::open(file.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600));
  ::dup2(capture.get(), STDOUT_FILENO);
  std::exception_ptr failure;
  try {
    app.parse(line, false);
  } catch (...) {
    failure = std::current_exception();
  }
  std::fflush(stdout);
  ::dup2(terminal.get(), STDOUT_FILENO);
  const std::string text = ReadFile(file);
  fs::remove(file);
  if (failure) std::rethrow_exception(failure);
  CHECK(exit_code == 0);
  return text;
}

std::vector<nlohmann::json> Lines(const std::string& text) {
  std::vector<nlohmann::json> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

struct TemporaryRun {
  TemporaryRun() : run(Scratch("commands"), 2), path(run.files().root.string()) {}
  ~TemporaryRun() { fs::remove_all(path); }
  HandMadeRun run;
  std::string path;
};

}  // namespace

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

TEST_CASE("inspect lists all trees, those of a round, of a problem, of a key, and of one shard") {
  const TemporaryRun t;
  const auto count = [&](const std::string& options) {
    return Lines(OutputOf("inspect --json " + options)).size();
  };
  CHECK(count(t.path) == 2 * 24 + 2);
  CHECK(count(t.path + " --round 1") == 24);
  CHECK(count(t.path + " --round 1 --limit 5") == 5);
  CHECK(count(t.path + " --problem expr-0") == 3);
  CHECK(count(t.path + " --key r2/rollout/p7/a0") == 1);
  CHECK(count(t.path + " --tree --round 2") == 1);
  CHECK(count(t.path + "/rounds/0001/shards/rollout-000001.h5") == 8);
  CHECK(count(t.path + "/rounds/0001/shards/rollout-000001.h5 --limit 3") == 3);
  CHECK_THROWS_WITH_AS(OutputOf("inspect --problem nothing " + t.path),
                       doctest::Contains("no tree"), Error);
  CHECK_THROWS_AS(OutputOf("inspect " + t.path + "/no.h5"), Error);
}

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

TEST_CASE("The folder check leaves nothing behind and says what is wrong") {
  const fs::path folder = Scratch("folder");
  MakeFolder(folder);
  for (const Finding& finding : CheckFolder(folder)) CHECK(finding.health != Health::kMissing);
  CHECK(fs::is_empty(folder));
  fs::remove_all(folder);
  const auto findings = CheckFolder(folder);
  REQUIRE(findings.size() == 1);
  CHECK(findings[0].health == Health::kMissing);
  CHECK_FALSE(findings[0].advice.empty());
}

TEST_CASE("Every shortfall comes with advice") {
  for (const auto& findings : {CheckMachine(), CheckGpus(), CheckHdf5(), CheckLauncher()}) {
    for (const Finding& finding : findings) {
      CHECK_FALSE(finding.found.empty());
      CHECK_MESSAGE((finding.health == Health::kOk || !finding.advice.empty()), finding.name);
    }
  }
}
