#include "orchestrator/rounds/part.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "orchestrator/cluster/group_run.h"
#include "orchestrator/cluster/lease_run.h"
#include "orchestrator/record/train_log.h"
#include "schemas/base/file.h"
#include "schemas/base/log.h"

namespace gradus {
namespace {

using nlohmann::json;

double SumOf(const LeaseProgress& progress, const char* counter) {
  double sum = 0;
  for (const auto& [rank, text] : progress.counters) {
    const json j = json::parse(text, nullptr, false);
    if (j.is_object()) sum += j.value(counter, 0.0);
  }
  return sum;
}

void NoteLostWorker(Campaign& c, int rank, const std::string& reason, std::size_t leases) {
  c.recorder.NoteWorkerLost(rank, reason, leases);
  c.display.Alarm(
      fmt::format("lost worker {}: {}; {} problems go to the others", rank, reason, leases));
}

// A part in search: payloads are its problems, results go to the recorder.
class SearchedPart final : public LeasedWork {
 public:
  // `before`: how many keys had their result when this run of the program began.
  SearchedPart(Campaign& campaign, const std::vector<Problem>& problems, double before)
      : campaign_(campaign), problems_(problems), before_(before) {}

  std::string Payload(const Key& key) override { return ToText(problems_.at(key.problem)); }
  void Accept(const Key& key, const std::string& tree) override {
    campaign_.recorder.Accept(key, tree);
  }
  void Abandon(const Key& key, const std::string& reason) override {
    campaign_.recorder.Abandon(key, reason);
    campaign_.display.Alarm(fmt::format("gave up {}: {}", ToString(key), reason));
  }
  void Commit() override { campaign_.recorder.Commit(); }
  void Show(const LeaseProgress& progress) override {
    // A worker that dies takes its counters along: the sum never falls.
    tokens_ = std::max(tokens_, SumOf(progress, "tokens"));
    const double elapsed = MonotonicSeconds() - start_;
    campaign_.display.Advance(
        before_ + static_cast<double>(progress.done), static_cast<int>(progress.counters.size()),
        fmt::format("{:.1f}k tokens/s", elapsed > 0 ? tokens_ / elapsed / 1000 : 0));
  }
  void NoteLost(int rank, const std::string& reason, std::size_t leases) override {
    NoteLostWorker(campaign_, rank, reason, leases);
  }
  bool StopWasAsked() override { return campaign_.stop(); }

 private:
  Campaign& campaign_;
  const std::vector<Problem>& problems_;
  double before_;
  double start_ = MonotonicSeconds();
  double tokens_ = 0;
};

// A part in training: its steps are shown and logged.
class TrainedPart final : public GroupWatch {
 public:
  TrainedPart(Campaign& campaign, const PartId& part)
      : campaign_(campaign), part_(part), log_(campaign.files.TrainLog(part.round, part.name)) {}

  void Show(const std::string& text) override {
    const TrainProgress p = ParseTrainProgress(text);
    log_.Add(p);
    if (!std::exchange(begun_, true)) {
      campaign_.display.Begin(part_.round, part_.name, "steps", p.steps, p.step - 1);
    }
    campaign_.display.Advance(
        p.step, static_cast<int>(campaign_.workforce.roster().Living().size()),
        fmt::format("loss {:.4f}  {:.1f}k tokens/s", p.loss, p.TokensPerSecond() / 1000));
    TellOfSkipped(p.skipped_steps);
  }
  void NoteLost(int rank, const std::string& reason) override {
    NoteLostWorker(campaign_, rank, reason, 0);
  }
  bool StopWasAsked() override { return campaign_.stop(); }

 private:
  // One alone may happen.
  void TellOfSkipped(std::uint64_t steps) {
    if (steps <= told_ + 1) return;
    told_ = steps;
    campaign_.display.Alarm(fmt::format(
        "{}: {} steps skipped so far: their gradient was not finite", part_.name, steps));
  }

  Campaign& campaign_;
  const PartId& part_;
  TrainLog log_;
  bool begun_ = false;
  std::uint64_t told_ = 0;  // Skipped steps in the last alarm.
};

void ShowReport(Display& display, const PartId& part, const TrainReport& report) {
  const std::string skipped =
      report.skipped_steps > 0
          ? fmt::format(", {} steps skipped (non-finite)", report.skipped_steps)
          : "";
  display.End(fmt::format("{} steps, loss {:.4f} → {:.4f}{}", report.steps, report.first_loss,
                          report.last_loss, skipped));
  if (report.dropped_rows == 0) return;
  display.Alarm(fmt::format("{}: {} rows were longer than the model or max_tokens and left out",
                            part.name, report.dropped_rows));
}

}  // namespace

void RunPart(Campaign& c, const PartId& part, const SearchOrder& order,
             const std::vector<Problem>& problems, const std::vector<Key>& keys) {
  if (c.recorder.IsDone(part)) return;
  const double start = MonotonicSeconds();
  const std::vector<Key> missing = c.recorder.Begin(part, keys);
  const auto total = static_cast<double>(keys.size());
  const double before = total - static_cast<double>(missing.size());
  c.display.Begin(part.round, part.name, "problems", total, before);
  SearchedPart work(c, problems, before);
  RunLeases(c.workforce, ToText(order), missing, work);
  c.recorder.End(part, MonotonicSeconds() - start);
  c.display.End(fmt::format("{:.0f} problems", total));
}

void RunOnce(Campaign& c, const PartId& part, const std::function<std::string()>& body) {
  if (c.recorder.IsDone(part)) return;
  const double start = MonotonicSeconds();
  c.display.Begin(part.round, part.name, "", 0, 0);
  const std::string summary = body();
  c.recorder.NoteDone(part, MonotonicSeconds() - start);
  c.display.End(summary);
}

TrainReport RunTrainingPart(Campaign& c, const PartId& part, const TrainRequest& request) {
  const fs::path report_file = c.files.Round(part.round) / (part.name + ".json");
  if (c.recorder.IsDone(part)) return ParseTrainReport(ReadFile(report_file));
  const double start = MonotonicSeconds();
  c.display.Begin(part.round, part.name, "steps", 0, 0);
  TrainedPart watch(c, part);
  const TrainReport report = ParseTrainReport(RunGroup(c.workforce, ToText(request), watch));
  // Bookkeeping that depends on the interruption history stays out of the file: it is part of the
  // round's content.
  WriteFileAtomically(report_file, ToText(report) + "\n");
  std::error_code ignored;
  fs::remove_all(request.order.checkpoints, ignored);
  c.recorder.NoteDone(part, MonotonicSeconds() - start);
  ShowReport(c.display, part, report);
  return report;
}

}  // namespace gradus
