#include "orchestrator/rounds/publish.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "orchestrator/measure/round_metrics.h"
#include "orchestrator/rounds/part.h"
#include "orchestrator/rounds/rollout.h"
#include "schemas/base/file.h"
#include "schemas/base/log.h"
#include "schemas/files/content_hash.h"
#include "schemas/files/manifest.h"
#include "workers/models/hf_folder.h"

namespace gradus {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

std::vector<PartId> PartsOf(const Campaign& c, RoundIndex round) {
  std::vector<PartId> parts;
  if (round > 0) parts = RolloutParts(c.config, round);
  parts.push_back({round, "evaluate"});
  parts.push_back({round, "control"});
  return parts;
}

// What one pass over all of a round's trees finds.
struct TreesOfRound {
  std::string digests;    // "PART CONTENT_DIGEST\n" of each part.
  RoundMetrics metrics;   // Of the searches.
  double generate_s = 0;  // What the searches waited for.
  double execute_s = 0, score_s = 0;
};

TreesOfRound ReadTrees(const Campaign& c, RoundIndex round) {
  TreesOfRound found;
  RoundMeter meter(c.problems);
  for (const PartId& part : PartsOf(c, round)) {
    ContentHash hash;
    VisitTrees(c.recorder.Shards(part), [&](const Tree& tree) {
      hash.Add(tree);
      if (tree.key.phase == Phase::kEvaluate) return;
      meter.Add(tree);
      found.generate_s += tree.cost.generate_s;
      found.execute_s += tree.cost.execute_s;
      found.score_s += tree.cost.score_s;
    });
    found.digests += part.name + " " + hash.Digest() + "\n";
  }
  found.metrics = meter.Metrics();
  return found;
}

// What the round is, without clocks and hosts: equal on any number of ranks and after any
// interruption.
std::string RoundDigest(const Campaign& c, RoundIndex round, const TreesOfRound& trees) {
  std::string content = trees.digests;
  for (const auto& file : {c.files.Sft(round), c.files.Pairs(round), c.files.HeldOutPairs(round),
                           c.files.Eval(round)}) {
    if (fs::exists(file)) content += file.filename().string() + " " + Sha256File(file) + "\n";
  }
  for (const auto& model : {c.files.Policy(round), c.files.Ppm(round), c.files.Control(round)}) {
    if (fs::exists(model)) content += model.filename().string() + " " + ModelDigest(model) + "\n";
  }
  return Sha256(content);
}

double Seconds(const std::map<std::string, double>& phases, std::string_view prefix) {
  double sum = 0;
  for (const auto& [name, seconds] : phases) {
    if (name.starts_with(prefix)) sum += seconds;
  }
  return sum;
}

void AddSearch(const Campaign& c, RoundIndex round, const TreesOfRound& trees,
               ordered_json& metrics) {
  metrics.update(ToJson(trees.metrics));
  const std::map<std::string, double> phases = c.recorder.Seconds(round);
  ordered_json& cost = metrics["cost"];
  const double search = Seconds(phases, "rollout") + Seconds(phases, "hard");
  cost["search_s"] = search;
  cost["train_s"] = Seconds(phases, "train_");
  cost["evaluate_s"] = Seconds(phases, "evaluate") + Seconds(phases, "control");
  // Summed over the problems in flight, so they exceed the wall clock: shares of what a problem
  // waits for.
  cost["waited_s"] = {
      {"generate", trees.generate_s}, {"execute", trees.execute_s}, {"score", trees.score_s}};
  const double solved = metrics["coverage"].value("solved", 0.0);
  if (solved > 0) cost["seconds_per_solved"] = search / solved;
}

// The round's row of the report.
ordered_json Metrics(const Campaign& c, RoundIndex round, const TreesOfRound& trees) {
  ordered_json metrics = {{"round", round}};
  if (round > 0) AddSearch(c, round, trees, metrics);
  if (fs::exists(c.files.Eval(round)))
    metrics["eval"] = ordered_json::parse(ReadFile(c.files.Eval(round)));
  const fs::path selection = c.files.Selection(round) / "summary.json";
  if (fs::exists(selection)) metrics["selection"] = ordered_json::parse(ReadFile(selection));
  for (const char* name : {"train_bootstrap", "train_policy", "train_control", "train_ppm"}) {
    const fs::path file = c.files.Round(round) / (std::string(name) + ".json");
    if (fs::exists(file)) metrics["training"][name] = ordered_json::parse(ReadFile(file));
  }
  if (fs::exists(c.files.Ppm(round))) {
    const TrainReport report = ParseTrainReport(ReadFile(c.files.Round(round) / "train_ppm.json"));
    ordered_json& ppm = metrics["ppm"];
    if (report.held_out_pairs > 0) ppm["pair_accuracy"] = report.pair_accuracy;
    ppm["pairs"] = metrics["selection"]["pairs"];
    ppm["held_out_pairs"] = report.held_out_pairs;
  }
  if (metrics.contains("selection")) metrics["sft_rows"] = metrics["selection"]["sft_rows"];
  metrics["workers_lost"] = c.recorder.workers_lost();
  metrics["abandoned"] = c.recorder.Abandoned(round);
  metrics["phases"] = c.recorder.Seconds(round);
  return metrics;
}

}  // namespace

RoundIndex LastPublished(const RunFiles& files) {
  RoundIndex round = -1;
  while (fs::exists(files.Manifest(round + 1))) ++round;
  return round;
}

void RefreshSummaries(const RunFiles& files) {
  const RoundIndex last = LastPublished(files);
  if (last < 0) return;
  std::string lines;
  for (RoundIndex round = 0; round <= last; ++round) {
    lines += ReadManifest(files.Manifest(round)).metrics + "\n";
  }
  WriteFileAtomically(files.Metrics(), lines);
  WriteFileAtomically(files.Current(), fmt::format("{}\n", last));
}

void Publish(Campaign& c, RoundIndex round) {
  if (fs::exists(c.files.Manifest(round))) return;
  std::error_code ignored;
  fs::remove_all(c.files.Trainer(round), ignored);
  Manifest manifest;
  manifest.round = round;
  manifest.run_id = c.recorder.run_id();
  manifest.config_digest = c.config_digest;
  if (round > 0) manifest.parent_sha256 = Sha256File(c.files.Manifest(round - 1));
  const TreesOfRound trees = ReadTrees(c, round);
  manifest.content_digest = RoundDigest(c, round, trees);
  manifest.files = ListFiles(c.files.Round(round));
  manifest.metrics = Metrics(c, round, trees).dump();
  WriteManifest(c.files.Manifest(round), manifest);
  RefreshSummaries(c.files);
  c.recorder.NotePublished(round, Sha256File(c.files.Manifest(round)));
}

}  // namespace gradus
