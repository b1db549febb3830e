#pragma once
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "schemas/files/run_files.h"
#include "schemas/ids.h"
#include "schemas/tree.h"

namespace gradus {

// One round as a reader sees it. A round without a manifest is still being made.
struct RoundView {
  RoundIndex round = 0;
  bool published = false;
  nlohmann::ordered_json metrics =
      nlohmann::ordered_json::object();  // Of the manifest; any field may be absent.
  std::vector<std::string> shards;       // File names: searches, then evaluations.
};

// What can be said of a run from its directory alone, while it may be alive. Reading takes no lock
// and changes nothing.
struct RunView {
  RunFiles files;
  std::string run_id, config_digest;               // Of the newest manifest; "" before the first.
  std::vector<RoundView> rounds;                   // Ascending.
  nlohmann::ordered_json progress;                 // progress.json; null when absent or unreadable.
  double progress_age_s = 0;                       // Since it was written.
  bool Live() const;                               // Somebody wrote progress a moment ago.
  const RoundView& Round(RoundIndex round) const;  // Throws Error naming the rounds there are.
};

// Throws Error when `root` is not a run directory.
RunView ReadRun(const std::filesystem::path& root);

// The value at a JSON pointer ("/eval/greedy"), if it is there and a number.
std::optional<double> NumberAt(const nlohmann::ordered_json& json, const std::string& pointer);

// Calls `visit` with each tree of the round and the name of the file it stands in, until it returns
// false: sealed shards by name, then, for a round in flight, results that only the ledger holds.
using TreeVisitor = std::function<bool(const Tree& tree, const std::string& source)>;
void VisitTrees(const RunView& run, const RoundView& round, const TreeVisitor& visit);

struct FoundTree {
  Tree tree;
  std::string source;
};
// Looks a key up in the shards of its round, reading few of them: a part's shards are cut from its
// sorted keys.
std::optional<FoundTree> FindTree(const RunView& run, const Key& key);

}  // namespace gradus
