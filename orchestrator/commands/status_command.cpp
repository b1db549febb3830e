#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cmath>
#include <memory>
#include <thread>

#include "orchestrator/commands/commands.h"
#include "orchestrator/inspect/run_reader.h"
#include "schemas/base/duration.h"
#include "schemas/base/error.h"

namespace gradus {
namespace {

using nlohmann::ordered_json;

constexpr auto kWatchPeriod = std::chrono::seconds(2);

struct StatusOptions {
  std::string run;
  bool json = false, watch = false;
};

std::string Percent(std::optional<double> share) {
  return share ? fmt::format("{:.1f}%", 100 * *share) : "–";
}

// 1234567 → "1.2M".
std::string Amount(std::optional<double> value) {
  if (!value) return "–";
  if (*value >= 1e9) return fmt::format("{:.1f}G", *value / 1e9);
  if (*value >= 1e6) return fmt::format("{:.1f}M", *value / 1e6);
  if (*value >= 1e4) return fmt::format("{:.0f}k", *value / 1e3);
  return fmt::format("{:.0f}", *value);
}

std::string Duration(std::optional<double> seconds) { return DurationText(seconds.value_or(NAN)); }

std::optional<double> Seconds(const ordered_json& metrics) {
  if (!metrics.contains("phases") || !metrics["phases"].is_object()) return std::nullopt;
  double sum = 0;
  for (const auto& [name, seconds] : metrics["phases"].items()) {
    if (seconds.is_number()) sum += seconds.get<double>();
  }
  return sum;
}

std::string Row(const RoundView& round) {
  const ordered_json& m = round.metrics;
  if (!round.published) {
    return fmt::format("{:>5}   in flight, {} shard{} sealed\n", round.round, round.shards.size(),
                       round.shards.size() == 1 ? "" : "s");
  }
  return fmt::format(
      "{:>5} {:>9} {:>7} {:>8} {:>7} {:>9} {:>11} {:>9} {:>7} {:>9} {:>13} {:>9}\n", round.round,
      Percent(NumberAt(m, "/coverage/all")), Percent(NumberAt(m, "/eval/greedy")),
      Percent(NumberAt(m, "/eval/control")), Percent(NumberAt(m, "/eval/pass_at_k")),
      Percent(NumberAt(m, "/eval/majority")), Percent(NumberAt(m, "/eval/ppm_guided")),
      Percent(NumberAt(m, "/ppm/pair_accuracy")), Amount(NumberAt(m, "/sft_rows")),
      Amount(NumberAt(m, "/cost/tokens")), Amount(NumberAt(m, "/cost/tokens_per_solved")),
      Duration(Seconds(m)));
}

std::string Table(const RunView& run) {
  std::string text =
      fmt::format("{:>5} {:>9} {:>7} {:>8} {:>7} {:>9} {:>11} {:>9} {:>7} {:>9} {:>13} {:>9}\n",
                  "round", "coverage", "greedy", "control", "pass@k", "majority", "PPM-guided",
                  "PPM pairs", "rows", "tokens", "tokens/solved", "time");
  for (const RoundView& round : run.rounds) text += Row(round);
  if (run.rounds.empty()) text += "  no round yet\n";
  return text;
}

std::string Text(const ordered_json& json, const char* key) {
  return json.contains(key) && json[key].is_string() ? json[key].get<std::string>() : "";
}

std::string LiveLine(const RunView& run) {
  if (!run.progress.is_object()) return "not running\n";
  const ordered_json& p = run.progress;
  const double done = NumberAt(p, "/done").value_or(0), total = NumberAt(p, "/total").value_or(0);
  std::string line = fmt::format(
      "round {}, {}: {} of {} {} ({:.0f}%)", Amount(NumberAt(p, "/round")), Text(p, "phase"),
      Amount(done), Amount(total), Text(p, "unit"), total > 0 ? 100 * done / total : 100);
  if (!run.Live())
    return fmt::format("not running; last seen {} ago in {}\n", Duration(run.progress_age_s), line);
  if (const auto rate = NumberAt(p, "/rate")) line += fmt::format(", {:.1f}/s", *rate);
  if (const auto eta = NumberAt(p, "/eta_s")) line += fmt::format(", {} left", Duration(eta));
  if (const auto workers = NumberAt(p, "/workers"))
    line += fmt::format(", {:.0f} workers", *workers);
  if (const std::string note = Text(p, "note"); !note.empty()) line += ", " + note;
  line += "\n";
  return line;
}

std::string Alarms(const RunView& run) {
  std::string text;
  if (!run.progress.is_object() || !run.progress.contains("alarms")) return text;
  for (const ordered_json& alarm : run.progress["alarms"]) {
    text += "! " + (alarm.is_string() ? alarm.get<std::string>() : alarm.dump()) + "\n";
  }
  return text;
}

ordered_json ToJson(const RunView& run) {
  ordered_json json = {{"run", run.files.root.string()},     {"run_id", run.run_id},
                       {"config_digest", run.config_digest}, {"live", run.Live()},
                       {"rounds", ordered_json::array()},    {"progress", run.progress}};
  for (const RoundView& round : run.rounds) {
    ordered_json row = {{"round", round.round}, {"published", round.published}};
    row.update(round.metrics);
    row["shards"] = round.shards.size();
    json["rounds"].push_back(row);
  }
  return json;
}

void Print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

void Show(const StatusOptions& options) {
  const RunView run = ReadRun(options.run);
  if (options.json) return Print(ToJson(run).dump() + "\n");
  Print(Table(run) + "\n" + LiveLine(run) + Alarms(run));
}

}  // namespace

void AddStatusCommand(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("status", "Table of a run's rounds, its phase, rate and time left");
  auto options = std::make_shared<StatusOptions>();
  command->add_option("RUN", options->run, "Run directory")->required();
  command->add_flag("--json", options->json, "One JSON object");
  command->add_flag("--watch", options->watch, "Repeat every two seconds until interrupted");
  command->callback([options, &exit_code] {
    while (options->watch) {
      if (::isatty(STDOUT_FILENO) == 1 && !options->json) Print("\x1b[H\x1b[2J");
      Show(*options);
      std::this_thread::sleep_for(kWatchPeriod);
    }
    Show(*options);
    exit_code = 0;
  });
}

}  // namespace gradus
