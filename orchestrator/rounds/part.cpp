#include "orchestrator/rounds/part.h"

#include <nlohmann/json.hpp>

#include "orchestrator/record/train_log.h"
#include "schemas/base/file.h"
#include "schemas/base/log.h"

namespace gradus {
namespace {

using nlohmann::json;

double SumOf(const PhaseProgress& progress, const char* counter) {
  double sum = 0;
  for (const auto& [rank, text] : progress.worker_counters) {
    const json j = json::parse(text, nullptr, false);
    if (j.is_object()) sum += j.value(counter, 0.0);
  }
  return sum;
}

auto LostCallback(Campaign& c) {
  return [&c](int rank, const std::string& reason, std::size_t leases) {
    c.recorder.NoteWorkerLost(rank, reason, leases);
    c.display.Alarm(
        fmt::format("lost worker {}: {}; {} problems go to the others", rank, reason, leases));
  };
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
  double tokens = 0;
  if (!missing.empty()) {
    PhaseCallbacks callbacks;
    callbacks.payload = [&](const Key& key) { return ToText(problems.at(key.problem)); };
    callbacks.accept = [&](const Key& key, const std::string& bytes) {
      c.recorder.Accept(key, bytes);
    };
    callbacks.abandon = [&](const Key& key, const std::string& why) {
      c.recorder.Abandon(key, why);
      c.display.Alarm(fmt::format("gave up {}: {}", ToString(key), why));
    };
    callbacks.commit = [&] { c.recorder.Commit(); };
    callbacks.progress = [&](const PhaseProgress& p) {
      tokens = std::max(tokens, SumOf(p, "tokens"));
      const double elapsed = MonotonicSeconds() - start;
      c.display.Advance(before + static_cast<double>(p.done), p.workers,
                        fmt::format("{:.1f}k tokens/s", elapsed > 0 ? tokens / elapsed / 1000 : 0));
    };
    callbacks.lost = LostCallback(c);
    callbacks.stop = c.stop;
    c.coordinator.RunPhase(ToText(order), missing, callbacks);
  }
  c.recorder.End(part, MonotonicSeconds() - start);
  c.display.End(fmt::format("{:.0f} problems", total));
}

void RunOnce(Campaign& c, const PartId& phase, const std::function<std::string()>& body) {
  if (c.recorder.IsDone(phase)) return;
  const double start = MonotonicSeconds();
  c.display.Begin(phase.round, phase.name, "", 0, 0);
  const std::string summary = body();
  c.recorder.NoteDone(phase, MonotonicSeconds() - start);
  c.display.End(summary);
}

TrainReport RunTrainingPart(Campaign& c, const PartId& phase, const TrainRequest& request) {
  // The report is kept beside the model, so that a resumed run knows it; the model's folder appears
  // whole or not.
  const fs::path report_file = c.files.Round(phase.round) / (phase.name + ".json");
  if (c.recorder.IsDone(phase)) return ParseTrainReport(ReadFile(report_file));
  const double start = MonotonicSeconds();
  c.display.Begin(phase.round, phase.name, "steps", 0, 0);
  TrainCallbacksOnCoordinator callbacks;
  bool begun = false;
  std::uint64_t skipped = 0;
  TrainLog log(c.files.TrainLog(phase.round, phase.name));
  callbacks.progress = [&](const std::string& text) {
    const TrainProgress p = ParseTrainProgress(text);
    log.Add(p);
    if (!begun) c.display.Begin(phase.round, phase.name, "steps", p.steps, p.step - 1);
    begun = true;
    c.display.Advance(
        p.step, c.coordinator.LiveWorkers(),
        fmt::format("loss {:.4f}  {:.1f}k tokens/s", p.loss, p.TokensPerSecond() / 1000));
    if (p.skipped_steps > skipped + 1) {
      c.display.Alarm(fmt::format("{}: {} steps skipped so far: their gradient was not finite",
                                  phase.name, p.skipped_steps));
      skipped = p.skipped_steps;
    }
  };
  callbacks.lost = LostCallback(c);
  callbacks.stop = c.stop;
  const TrainReport report = ParseTrainReport(c.coordinator.Train(ToText(request), callbacks));
  // Bookkeeping that depends on the interruption history stays out of the file: it is part of the
  // round's content.
  WriteFileAtomically(report_file, ToText(report) + "\n");
  std::error_code ignored;
  fs::remove_all(request.order.checkpoints, ignored);
  c.recorder.NoteDone(phase, MonotonicSeconds() - start);
  c.display.End(fmt::format(
      "{} steps, loss {:.4f} → {:.4f}{}", report.steps, report.first_loss, report.last_loss,
      report.skipped_steps > 0
          ? fmt::format(", {} steps skipped (non-finite)", report.skipped_steps)
          : ""));
  if (report.dropped_rows > 0) {
    c.display.Alarm(fmt::format("{}: {} rows were longer than the model or max_tokens and left out",
                                phase.name, report.dropped_rows));
  }
  return report;
}

}  // namespace gradus
