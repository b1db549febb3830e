#include "orchestrator/inspect/run_reader.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "schemas/base/log.h"
#include "schemas/files/ledger_records.h"
#include "schemas/files/manifest.h"
#include "schemas/files/shard.h"

namespace gradus {
namespace {

using nlohmann::ordered_json;

// progress.json is rewritten at least this often while a run lives, long training steps included.
constexpr double kFresh_s = 60;

// The order in which a round makes its parts: searches first, then evaluations.
int PlaceOf(const std::string& part) {
  if (part.starts_with("rollout")) return 0;
  return part.starts_with("hard") ? 1 : 2;
}

std::vector<std::string> ShardNames(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder, none)) {
    if (entry.path().extension() == ".h5") names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end(), [](const std::string& a, const std::string& b) {
    const int left = PlaceOf(PartOfShard(a)), right = PlaceOf(PartOfShard(b));
    return left != right ? left < right : a < b;
  });
  return names;
}

std::optional<RoundIndex> RoundNumber(const std::string& name) {
  RoundIndex round = 0;
  const char* end = name.data() + name.size();
  const auto result = std::from_chars(name.data(), end, round);
  if (result.ec != std::errc() || result.ptr != end || round < 0) return std::nullopt;
  return round;
}

RoundView ReadRound(RunView& run, RoundIndex index) {
  RoundView round;
  round.round = index;
  round.shards = ShardNames(run.files.Shards(index));
  if (!fs::exists(run.files.Manifest(index))) return round;
  const Manifest manifest = ReadManifest(run.files.Manifest(index));
  round.published = true;
  round.metrics = ordered_json::parse(manifest.metrics.empty() ? "{}" : manifest.metrics);
  run.run_id = manifest.run_id;
  run.config_digest = manifest.config_digest;
  return round;
}

void ReadProgress(RunView& run) {
  std::error_code none;
  if (!fs::exists(run.files.Progress(), none)) return;
  run.progress = ordered_json::parse(ReadFile(run.files.Progress()), nullptr, false);
  if (!run.progress.is_object()) run.progress = nullptr;
  run.progress_age_s = WallSeconds() - NumberAt(run.progress, "/unix_s").value_or(0);
}

// `shards` hold ascending keys.
std::optional<FoundTree> SearchPart(const fs::path& folder, const std::vector<std::string>& shards,
                                    const Key& key) {
  std::size_t low = 0, high = shards.size();
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    const ShardReader shard(folder / shards[middle]);
    const std::vector<Key>& keys = shard.keys();
    const auto at = std::lower_bound(keys.begin(), keys.end(), key);
    if (at != keys.end() && *at == key) {
      return FoundTree{shard.At(static_cast<std::size_t>(at - keys.begin())), shards[middle]};
    }
    if (at == keys.begin()) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return std::nullopt;
}

void VisitLedger(const RunView& run, RoundIndex round, const std::set<Key>& seen,
                 const TreeVisitor& visit) {
  std::error_code none;
  if (!fs::exists(run.files.Ledger(), none)) return;
  bool go_on = true;
  ReplayLedger(run.files.Ledger(), [&](const Record& record) {
    if (!go_on || record.kind != RecordKind::kResult) return;
    const auto tree = std::get<Tree>(ParseEntry(record));
    if (static_cast<RoundIndex>(tree.key.round) != round || seen.contains(tree.key)) return;
    go_on = visit(tree, "ledger");
  });
}

}  // namespace

bool RunView::Live() const { return progress.is_object() && progress_age_s < kFresh_s; }

const RoundView& RunView::Round(RoundIndex index) const {
  std::string known;
  for (const RoundView& round : rounds) {
    if (round.round == index) return round;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", round.round);
  }
  Fail("{} has no round {}; it has: {}", files.root.string(), index,
       known.empty() ? "none" : known);
}

RunView ReadRun(const fs::path& root) {
  RunView run;
  run.files.root = root;
  std::error_code none;
  if (!fs::is_directory(root, none)) Fail("{}: no such run directory", root.string());
  if (!fs::exists(run.files.Config(), none) && !fs::exists(root / "rounds", none)) {
    Fail("{} is not a run directory: it holds neither config.yaml nor rounds/", root.string());
  }
  std::vector<RoundIndex> indices;
  for (const auto& entry : fs::directory_iterator(root / "rounds", none)) {
    if (const auto index = RoundNumber(entry.path().filename().string())) indices.push_back(*index);
  }
  std::sort(indices.begin(), indices.end());
  for (RoundIndex index : indices) run.rounds.push_back(ReadRound(run, index));
  ReadProgress(run);
  return run;
}

std::optional<double> NumberAt(const ordered_json& json, const std::string& pointer) {
  const ordered_json::json_pointer path(pointer);
  if (!json.is_structured() || !json.contains(path) || !json.at(path).is_number()) {
    return std::nullopt;
  }
  return json.at(path).get<double>();
}

void VisitTrees(const RunView& run, const RoundView& round, const TreeVisitor& visit) {
  std::set<Key> seen;
  for (const std::string& name : round.shards) {
    ShardReader shard(run.files.Shards(round.round) / name);
    while (const std::optional<Tree> tree = shard.Next()) {
      if (!round.published) seen.insert(tree->key);
      if (!visit(*tree, name)) return;
    }
  }
  if (!round.published) VisitLedger(run, round.round, seen, visit);
}

std::optional<FoundTree> FindTree(const RunView& run, const Key& key) {
  const RoundView& round = run.Round(static_cast<RoundIndex>(key.round));
  std::map<std::string, std::vector<std::string>> parts;
  for (const std::string& shard : round.shards) parts[PartOfShard(shard)].push_back(shard);
  for (const auto& [part, shards] : parts) {
    auto found = SearchPart(run.files.Shards(round.round), shards, key);
    if (found) return found;
  }
  std::optional<FoundTree> found;
  if (round.published) return found;
  VisitLedger(run, round.round, {}, [&](const Tree& tree, const std::string& source) {
    if (tree.key == key) found = FoundTree{tree, source};
    return !found.has_value();
  });
  return found;
}

}  // namespace gradus
