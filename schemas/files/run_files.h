#pragma once
#include <filesystem>
#include <string>

#include "schemas/ids.h"

namespace gradus {

// Every path of a run directory, in one place (layout: docs/file-formats.md).
struct RunFiles {
  std::filesystem::path root;

  std::filesystem::path Config() const { return root / "config.yaml"; }
  std::filesystem::path Lock() const { return root / "LOCK"; }
  std::filesystem::path Current() const { return root / "CURRENT"; }
  std::filesystem::path Ledger() const { return root / "ledger"; }
  std::filesystem::path Metrics() const { return root / "metrics.jsonl"; }
  std::filesystem::path Progress() const {
    return root / "progress.json";
  }  // For status; not authoritative.
  std::filesystem::path Log() const { return root / "log"; }
  // Steps of a training phase, for people.
  std::filesystem::path TrainLog(RoundIndex round, const std::string& phase) const {
    return Log() / "train" / (phase + "-" + Round(round).filename().string());
  }
  std::filesystem::path Report() const { return root / "report.html"; }
  std::filesystem::path Quarantine() const { return root / "quarantine"; }

  std::filesystem::path Round(RoundIndex round) const;  // rounds/0001
  std::filesystem::path Plan(RoundIndex round) const { return Round(round) / "plan.json"; }
  std::filesystem::path Shards(RoundIndex round) const { return Round(round) / "shards"; }
  std::filesystem::path Selection(RoundIndex round) const { return Round(round) / "selection"; }
  std::filesystem::path Sft(RoundIndex round) const { return Selection(round) / "sft.h5"; }
  std::filesystem::path Pairs(RoundIndex round) const { return Selection(round) / "pairs.h5"; }
  std::filesystem::path HeldOutPairs(RoundIndex round) const {
    return Selection(round) / "pairs_held_out.h5";
  }
  std::filesystem::path Policy(RoundIndex round) const { return Round(round) / "policy"; }
  std::filesystem::path Ppm(RoundIndex round) const { return Round(round) / "ppm"; }
  std::filesystem::path Control(RoundIndex round) const { return Round(round) / "control"; }
  std::filesystem::path Trainer(RoundIndex round) const { return Round(round) / "trainer"; }
  std::filesystem::path Eval(RoundIndex round) const { return Round(round) / "eval.json"; }
  std::filesystem::path Manifest(RoundIndex round) const { return Round(round) / "manifest.json"; }
};

}  // namespace gradus
