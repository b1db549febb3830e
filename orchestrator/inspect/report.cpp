#include "orchestrator/inspect/report.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "orchestrator/inspect/provenance.h"
#include "orchestrator/inspect/run_reader.h"
#include "orchestrator/inspect/tree_view.h"
#include "orchestrator/selection/trajectory.h"
#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "schemas/base/log.h"

namespace gradus {

extern const char kReportPage[];  // report_page.html

namespace {

using nlohmann::ordered_json;

constexpr std::string_view kPlaceholder = "__GRADUS_DATA__";
constexpr std::size_t kRounds = 2;         // Newest rounds the trees come from.
constexpr std::size_t kTreesPerKind = 2;   // Of each round: mixed, all right, all wrong.
constexpr std::size_t kLargestTree = 250;  // Nodes; larger ones are not readable on a page.
constexpr int kScannedTrees = 512;         // Of each round.

enum class TreeKind { kMixed, kRight, kWrong };

std::optional<TreeKind> KindOf(const Tree& tree) {
  const VerdictCounts counts = CountVerdicts(tree);
  if (counts.Verified() == 0) return std::nullopt;
  if (counts.correct > 0 && counts.wrong > 0) return TreeKind::kMixed;
  return counts.correct > 0 ? TreeKind::kRight : TreeKind::kWrong;
}

// A few trees of each kind: the largest readable ones, since they show most.
std::vector<Tree> PickTrees(const RunView& run, const RoundView& round) {
  std::map<TreeKind, std::vector<Tree>> picks;
  int scanned = 0;
  VisitTrees(run, round, [&](const Tree& tree, const std::string&) {
    if (tree.key.phase == Phase::kEvaluate) return false;  // They come last.
    const std::optional<TreeKind> kind = KindOf(tree);
    if (kind && tree.nodes.size() <= kLargestTree) {
      std::vector<Tree>& of_kind = picks[*kind];
      of_kind.push_back(tree);
      std::stable_sort(of_kind.begin(), of_kind.end(), [](const Tree& a, const Tree& b) {
        return a.nodes.size() > b.nodes.size();
      });
      if (of_kind.size() > kTreesPerKind) of_kind.pop_back();
    }
    return ++scanned < kScannedTrees;
  });
  std::vector<Tree> trees;
  for (auto& [kind, of_kind] : picks) {
    std::move(of_kind.begin(), of_kind.end(), std::back_inserter(trees));
  }
  return trees;
}

ordered_json TreesJson(const RunView& run) {
  std::map<std::string, Problem> problems;
  for (Problem& problem : ProblemsOf(run)) problems.emplace(problem.id, std::move(problem));
  ordered_json json = ordered_json::array();
  std::size_t rounds = 0;
  for (auto round = run.rounds.rbegin(); round != run.rounds.rend() && rounds < kRounds; ++round) {
    if (!round->published || round->round == 0) continue;
    ++rounds;
    for (const Tree& tree : PickTrees(run, *round)) {
      ordered_json one = TreeJson(tree);
      one["seed"] = fmt::format("{:#x}", tree.seed);  // 64 bits do not fit a script's number.
      if (const auto found = problems.find(tree.problem_id); found != problems.end()) {
        one["gold"] = Printable(found->second.answer);
        one["level"] = Printable(found->second.level);
      }
      json.push_back(one);
    }
  }
  return json;
}

ordered_json PageData(const RunView& run) {
  const fs::path root = fs::weakly_canonical(run.files.root);
  ordered_json data;
  data["run"] = {{"name", Printable(root.filename().string())},
                 {"id", run.run_id},
                 {"config_digest", run.config_digest},
                 {"version", GRADUS_VERSION},
                 {"written_unix_s", WallSeconds()}};
  std::error_code none;
  data["config"] =
      fs::exists(run.files.Config(), none) ? Printable(ReadFile(run.files.Config())) : "";
  data["rounds"] = ordered_json::array();
  for (const RoundView& round : run.rounds) {
    ordered_json row = {{"round", round.round}, {"published", round.published}};
    row.update(round.metrics);
    data["rounds"].push_back(row);
  }
  if (run.progress.is_object())
    data["alarms"] = run.progress.value("alarms", ordered_json::array());
  data["trees"] = TreesJson(run);
  return data;
}

// JSON inside a script element: no text of a run may close it.
std::string ForScript(const ordered_json& json) {
  std::string text;
  for (char c : json.dump()) {
    if (c == '<') {
      text += "\\u003c";
    } else {
      text += c;
    }
  }
  return text;
}

std::string Page(const RunView& run) {
  std::string page = kReportPage;
  const std::size_t place = page.find(kPlaceholder);
  Require(place != std::string::npos, "the report page has no place for its data");
  return page.replace(place, kPlaceholder.size(), ForScript(PageData(run)));
}

}  // namespace

void WriteReport(const RunFiles& files, const fs::path& page) {
  WriteFileAtomically(page, Page(ReadRun(files.root)));
}

}  // namespace gradus
