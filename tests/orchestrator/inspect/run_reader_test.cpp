#include "orchestrator/inspect/run_reader.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <set>

#include "orchestrator/inspect/provenance.h"
#include "orchestrator/inspect/tree_view.h"
#include "schemas/base/error.h"
#include "tests/fakes/hand_made_run.h"

using namespace gradus;

namespace {

// A run of two published rounds after the bootstrap and a third in flight.
const HandMadeRun& TheRun() {
  static const HandMadeRun run(fs::temp_directory_path() / fmt::format("gradus-run-{}", ::getpid()),
                               2);
  return run;
}

struct RemoveAtEnd {
  ~RemoveAtEnd() {
    fs::remove_all(fs::temp_directory_path() / fmt::format("gradus-run-{}", ::getpid()));
  }
} remove_at_end;

RunView TheView() { return ReadRun(TheRun().files().root); }

}  // namespace

TEST_CASE("A run's rounds are read in order, the one in flight without metrics") {
  const RunView run = TheView();
  REQUIRE(run.rounds.size() == 4);
  CHECK(run.run_id == "hand-made");
  for (int i = 0; i < 4; ++i) CHECK(run.rounds[static_cast<std::size_t>(i)].round == i);
  CHECK(run.Round(2).published);
  CHECK(run.Round(2).shards.size() == 3);
  CHECK_FALSE(run.Round(3).published);
  CHECK(run.Round(3).metrics.empty());
  CHECK_THROWS_WITH_AS(run.Round(9), doctest::Contains("it has: 0, 1, 2, 3"), Error);
}

TEST_CASE("Absent metrics have no value, whatever stands on the way to them") {
  const RunView run = TheView();
  CHECK(NumberAt(run.Round(2).metrics, "/coverage/all").has_value());
  CHECK_FALSE(NumberAt(run.Round(0).metrics, "/coverage/all"));
  CHECK_FALSE(NumberAt(run.Round(2).metrics, "/coverage/all/deeper"));
  CHECK_FALSE(NumberAt(run.Round(2).metrics, "/coverage"));
  CHECK_FALSE(NumberAt(nullptr, "/coverage/all"));
}

TEST_CASE("A folder that is no run is refused with a reason") {
  CHECK_THROWS_WITH_AS(ReadRun("/nowhere/at/all"), doctest::Contains("no such run directory"),
                       Error);
  CHECK_THROWS_WITH_AS(ReadRun(TheRun().files().Shards(1)),
                       doctest::Contains("is not a run directory"), Error);
}

TEST_CASE("A damaged progress file is ignored") {
  const fs::path root = fs::temp_directory_path() / fmt::format("gradus-progress-{}", ::getpid());
  MakeFolder(root / "rounds");
  for (const char* text : {"", "{\"round\":", "[]", "7"}) {
    WriteFileAtomically(root / "progress.json", text);
    const RunView run = ReadRun(root);
    CHECK(run.progress.is_null());
    CHECK_FALSE(run.Live());
    CHECK(run.rounds.empty());
  }
  WriteFileAtomically(root / "progress.json", "{\"round\": 1, \"unix_s\": 5}");
  CHECK_FALSE(ReadRun(root).Live());
  fs::remove_all(root);
}

TEST_CASE("A live run is told from its progress file") {
  CHECK(TheView().Live());
  CHECK(TheView().progress["phase"] == "rollout");
}

TEST_CASE("Searches come before evaluations in a round's list of shards") {
  const fs::path root = fs::temp_directory_path() / fmt::format("gradus-shards-{}", ::getpid());
  const RunFiles files{root};
  MakeFolder(files.Shards(1));
  for (const char* name : {"control-000000.h5", "evaluate-000000.h5", "hard1-000000.h5",
                           "rollout-000001.h5", "rollout-000000.h5", "rollout-000002.h5.tmp"}) {
    WriteFileAtomically(files.Shards(1) / name, "");
  }
  CHECK(ReadRun(root).Round(1).shards ==
        std::vector<std::string>{"rollout-000000.h5", "rollout-000001.h5", "hard1-000000.h5",
                                 "control-000000.h5", "evaluate-000000.h5"});
  fs::remove_all(root);
}

TEST_CASE("Every tree of a published round is visited once, in key order") {
  std::vector<Key> keys;
  const RunView run = TheView();
  VisitTrees(run, run.Round(1), [&](const Tree& tree, const std::string&) {
    keys.push_back(tree.key);
    return true;
  });
  CHECK(keys.size() == 24);
  CHECK(std::is_sorted(keys.begin(), keys.end()));
  CHECK(std::set<Key>(keys.begin(), keys.end()).size() == keys.size());
}

TEST_CASE("Results of a round in flight are read from the ledger, until the visitor has enough") {
  const RunView run = TheView();
  std::vector<std::string> sources;
  const auto visit = [&](std::size_t enough) {
    sources.clear();
    VisitTrees(run, run.Round(3), [&](const Tree& tree, const std::string& source) {
      CHECK(tree.key.round == 3);
      sources.push_back(source);
      return sources.size() < enough;
    });
    return sources;
  };
  CHECK(visit(9) == std::vector<std::string>{"ledger", "ledger"});
  CHECK(visit(1).size() == 1);
}

TEST_CASE("Every key is found in its shard and unknown keys are not") {
  const RunView run = TheView();
  for (const Tree& tree : TheRun().trees(2)) {
    const auto found = FindTree(run, tree.key);
    REQUIRE(found.has_value());
    CHECK(found->tree.seed == tree.seed);
    CHECK(found->source == fmt::format("rollout-{:06}.h5", tree.key.problem / 8));
  }
  CHECK(FindTree(run, TheRun().trees(3)[1].key)->source == "ledger");
  CHECK_FALSE(FindTree(run, {2, Phase::kRollout, 99, 0}));
  CHECK_FALSE(FindTree(run, {2, Phase::kRolloutHard, 0, 1}));
}

TEST_CASE(
    "Every training row leads back to a tree whose tokens it holds and whose answer is right") {
  const RunView run = TheView();
  const std::size_t rows = ReadSftRows(run.files.Sft(2)).size();
  REQUIRE(rows > 0);
  for (std::size_t i = 0; i < rows; i += 5) {
    const SftStory story = ExplainSft(run, {2, i});
    REQUIRE(story.source.found.has_value());
    CHECK(story.source.tokens_match);
    CHECK(story.source.found->tree.nodes[story.source.path.back()].judgement.verdict ==
          Verdict::kCorrect);
    CHECK(story.source.found->tree.problem_id == story.row.origin.problem_id);
  }
}

TEST_CASE("Both sides of a pair lead back to the same tree or to trajectories") {
  const RunView run = TheView();
  const std::size_t rows = ReadPairs(run.files.Pairs(1)).size();
  REQUIRE(rows > 0);
  for (std::size_t i = 0; i < rows; i += 7) {
    const PairStory story = ExplainPair(run, {1, i});
    CHECK(story.chosen.tokens_match);
    CHECK(story.rejected.tokens_match);
    CHECK(story.chosen.path != story.rejected.path);
  }
}

TEST_CASE("Rows that are not there are refused with what there is") {
  const RunView run = TheView();
  CHECK_THROWS_WITH_AS(ExplainSft(run, {2, 100000}), doctest::Contains("there is no row 100000"),
                       Error);
  CHECK_THROWS_WITH_AS(ExplainSft(run, {3, 0}), doctest::Contains("not selected its rows"), Error);
  CHECK_THROWS_WITH_AS(ExplainSft(run, {8, 0}), doctest::Contains("has no round 8"), Error);
}

TEST_CASE("A row's name is r<round>:<row> and nothing else") {
  CHECK(ParseRowName("r3:17").round == 3);
  CHECK(ParseRowName("r3:17").index == 17);
  for (const char* text : {"", "r", "3:17", "r3", "r3:", "r:1", "r3:x", "r3:1 ", "r-1:0", "r3:-1",
                           "r99999999999:1", "r1:99999999999999999999999"}) {
    CHECK_THROWS_AS(ParseRowName(text), Error);
  }
}

TEST_CASE("A tree's text shows each node once, with broken bytes replaced") {
  HandMadeTree tree;
  const int a = tree.Step(0, "a=1\nb=2", 0.5, 4, "2");
  tree.Right(a, "2");
  tree.Failed(0, "bad \xFF\x1B[2J", "exception");
  const std::string text = TreeText(tree);
  CHECK(text.find("[1] Q +0.500  N 4") != std::string::npos);
  CHECK(text.find("answer 2 — correct (hand-made)") != std::string::npos);
  CHECK(text.find("failed: exception") != std::string::npos);
  CHECK(text.find("bad \xEF\xBF\xBD\\x1b[2J") != std::string::npos);
  CHECK(text.find('\x1B') == std::string::npos);
}

TEST_CASE("Printable text is valid UTF-8 for any bytes") {
  Random random(3);
  for (int i = 0; i < 500; ++i) {
    std::string bytes;
    for (int k = 0; k < 12; ++k) bytes += static_cast<char>(random.Bits());
    // The JSON printer throws on anything that is not UTF-8.
    CHECK_NOTHROW(nlohmann::json(Printable(bytes)).dump());
  }
  CHECK(Printable("äß€😀\t\n") == "äß€😀\t\n");
  CHECK(Printable("\xED\xA0\x80") == "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST_CASE("A tree's JSON holds every node with its numbers") {
  HandMadeTree tree;
  const int a = tree.Step(0, "a", 0.5, 4, "2");
  tree[a].has_ppm = true;
  tree[a].ppm = 0.25f;
  tree.Wrong(a, "3");
  const auto json = TreeJson(tree);
  REQUIRE(json["nodes"].size() == 3);
  CHECK(json["nodes"][1]["q"] == 0.5);
  CHECK(json["nodes"][1]["ppm"] == 0.25);
  CHECK(json["nodes"][1]["output"] == "2");
  CHECK(json["nodes"][2]["verdict"] == "wrong");
  CHECK(json["nodes"][2]["parent"] == 1);
  CHECK(json["solved"] == false);
}
