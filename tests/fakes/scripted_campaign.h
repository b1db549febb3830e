#pragma once
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "orchestrator/cluster/workforce.h"
#include "orchestrator/rounds/campaign.h"
#include "tests/fakes/hand_made_tree.h"
#include "tests/fakes/local_cluster.h"

namespace gradus {

// The bytes of a small finished tree of this key.
inline std::string TreeBytes(const Key& key) {
  HandMadeTree tree(key.attempt);
  tree.tree().key = key;
  tree.Right(0, "a" + std::to_string(key.problem));
  return SerializeTree(tree);
}

// Answers every lease with a tree, unless the script says otherwise.
inline ScriptedRole::Script Searching(ScriptedRole::Script script = {}) {
  if (!script.start) {
    script.start = [](const Key& key, const std::string&, auto done, auto) {
      done(TreeBytes(key));
    };
  }
  return script;
}

// One start of a run in `root` with real recorder and display, and two workers that play a script.
class ScriptedCampaign {
 public:
  ScriptedCampaign(const std::filesystem::path& root,
                   const std::function<ScriptedRole::Script(int rank)>& script_of,
                   const ClusterOptions& options = PatientOptions())
      : files_{root},
        cluster_(2, script_of),
        recorder_(files_, kTreesPerShard),
        display_(files_.Progress()),
        workforce_(cluster_.At(0), options, 1, ""),
        campaign_{.config = {},
                  .config_digest = "digest",
                  .files = files_,
                  .problems = {},
                  .held_out = {},
                  .demonstrations = {},
                  .environment = *environment_,
                  .recorder = recorder_,
                  .workforce = workforce_,
                  .display = display_,
                  .stop = [] { return false; }} {
    recorder_.StartEpoch("digest", 3);
  }
  static constexpr int kTreesPerShard = 4;

  Campaign& campaign() { return campaign_; }

 private:
  RunFiles files_;
  LocalCluster cluster_;
  Recorder recorder_;
  Display display_;
  Workforce workforce_;
  std::unique_ptr<Environment> environment_ = MakeEnvironment({});
  Campaign campaign_;
};

// Problems "p0", "p1", … of the levels 1 to `levels` in turn.
inline std::vector<Problem> NumberedProblems(int count, int levels = 1) {
  std::vector<Problem> problems;
  for (int i = 0; i < count; ++i) {
    Problem& problem = problems.emplace_back();
    problem.answer = std::to_string(i);
    problem.id = "p" + problem.answer;
    problem.problem = problem.answer + "+0";
    problem.level = std::to_string(i % levels + 1);
  }
  return problems;
}

}  // namespace gradus
