#include "orchestrator/inspect/fsck.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <set>

#include "orchestrator/inspect/ledger_account.h"
#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "schemas/files/manifest.h"
#include "schemas/files/shard.h"
#include "schemas/files/training_row.h"

namespace gradus {
namespace {

constexpr const char* kRestore =
    "restore it from a backup; without one, start a new run from an older round's models";

// A number of digits only, as round folders and CURRENT hold it.
std::optional<RoundIndex> ParseRound(std::string_view text) {
  RoundIndex round = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), round);
  if (error != std::errc() || end != text.data() + text.size() || round < 0) return std::nullopt;
  return round;
}

std::set<RoundIndex> RoundsOnDisk(const RunFiles& files) {
  std::set<RoundIndex> rounds;
  const fs::path folder = files.root / "rounds";
  if (!fs::is_directory(folder)) return rounds;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const auto round = ParseRound(entry.path().filename().string());
    if (round && entry.path() == files.Round(*round)) rounds.insert(*round);
  }
  return rounds;
}

// One check of one run; the findings grow as its parts are called in the order of CheckRun below.
class Checker {
 public:
  Checker(const RunFiles& files, FsckDepth depth)
      : files_(files), full_(depth == FsckDepth::kFull) {}

  // Reads the manifests first and the ledger after them: a live run writes in the other order, so
  // what a manifest names is in the ledger by then.
  FsckReport Run() {
    ReadRounds();
    CheckChain();
    if (full_) ReadLedger();
    CheckConfig();
    CheckCurrent();
    if (full_) {
      for (const FsckRound& round : report_.rounds) CheckRound(round);
      CheckLedger();
    }
    return std::move(report_);
  }

 private:
  // One finding a file is enough: what follows from damage is no news.
  void Find(const fs::path& file, std::string what, const char* remedy) {
    if (found_.insert(file.string()).second) {
      report_.findings.push_back({file.string(), std::move(what), remedy});
    }
  }
  // An Error says "FILE: what", where FILE is `file` or, for a folder, something in it.
  void FindError(const fs::path& file, const Error& error, const char* remedy) {
    const std::string what = error.what();
    const std::size_t colon = what.find(": ");
    if (what.starts_with(file.string()) && colon != std::string::npos) {
      Find(what.substr(0, colon), what.substr(colon + 2), remedy);
    } else {
      Find(file, what, remedy);
    }
  }
  template <class... Args>
  void Note(fmt::format_string<Args...> format, Args&&... args) {
    report_.notes.push_back(fmt::format(format, std::forward<Args>(args)...));
  }

  void ReadRounds() {
    for (RoundIndex round : RoundsOnDisk(files_)) {
      FsckRound entry{round, fs::exists(files_.Manifest(round)), ""};
      if (entry.published) {
        ++report_.files;
        try {
          manifests_[round] = ReadManifest(files_.Manifest(round));
          entry.content_digest = manifests_[round].content_digest;
        } catch (const Error& error) {
          FindError(files_.Manifest(round), error, kRestore);
        }
      } else {
        Note("round {} in progress", round);
      }
      report_.rounds.push_back(entry);
    }
  }

  // Rounds count from 0 without a gap; only the newest may be unpublished; each names the one
  // before it.
  void CheckChain() {
    RoundIndex expected = 0;
    for (const FsckRound& round : report_.rounds) {
      for (; expected < round.round; ++expected) {
        Find(files_.Round(expected), "missing although later rounds exist", kRestore);
      }
      ++expected;
      if (!round.published && &round != &report_.rounds.back()) {
        Find(files_.Manifest(round.round), "missing although later rounds exist", kRestore);
      }
      const auto manifest = manifests_.find(round.round);
      if (manifest != manifests_.end()) CheckParent(manifest->second, round.round);
    }
  }

  void CheckParent(const Manifest& manifest, RoundIndex round) {
    if (manifest.round != round) {
      Find(files_.Manifest(round), fmt::format("is the manifest of round {}", manifest.round),
           kRestore);
    }
    if (round == 0) {
      if (manifest.parent_sha256.empty()) return;
      return Find(files_.Manifest(round), "names a parent although it is the first", kRestore);
    }
    const fs::path parent = files_.Manifest(round - 1);
    if (found_.contains(parent.string()) || !fs::exists(parent)) return;  // Reported as such.
    if (manifest.parent_sha256 != Sha256File(parent)) {
      Find(files_.Manifest(round),
           fmt::format("names another parent than {} as it is now", parent.string()), kRestore);
    }
  }

  void ReadLedger() {
    try {
      account_ = ReadAccount(files_.Ledger());
      report_.records = account_.records;
      if (account_.torn_bytes > 0) {
        Note(
            "{}: the last {} bytes are a record being written, or torn by a crash; the next run "
            "cuts them",
            files_.Ledger().string(), account_.torn_bytes);
      }
    } catch (const Error& error) {
      ledger_lost_ = true;
      FindError(files_.Ledger(), error, "then check again: the arithmetic could not be checked");
    }
  }

  void CheckConfig() {
    std::string digest = account_.config_digest;
    if (digest.empty() && !manifests_.empty()) digest = manifests_.rbegin()->second.config_digest;
    if (!digest.empty() && Sha256File(files_.Config()) != digest) {
      Find(files_.Config(),
           "was changed after the run wrote it (its SHA-256 differs from the recorded one)",
           "restore it; to change settings start a new run, or pass key=value to gradus run");
    }
    for (const auto& [round, manifest] : manifests_) {
      if (!account_.run_id.empty() && manifest.run_id != account_.run_id) {
        Find(files_.Manifest(round),
             fmt::format("belongs to run {} instead of {}", manifest.run_id, account_.run_id),
             kRestore);
      }
    }
  }

  void CheckCurrent() {
    RoundIndex newest = -1;
    for (const FsckRound& round : report_.rounds) {
      if (round.published) newest = round.round;
    }
    if (!fs::exists(files_.Current())) {
      if (newest >= 0) Note("{}: missing; the next run writes it", files_.Current().string());
      return;
    }
    std::string text = ReadFile(files_.Current());
    if (text.ends_with('\n')) text.pop_back();
    const auto current = ParseRound(text);
    if (current && account_.manifests.contains(*current) && *current > newest)
      return;  // Its manifest is lost.
    // A run writes CURRENT after the manifest and before the ledger's record of it.
    if (!current || *current > newest ||
        (*current < newest && account_.manifests.contains(newest))) {
      Find(files_.Current(), fmt::format("does not name the newest published round, {}", newest),
           "write that number into it");
    } else if (*current < newest) {
      Note("{}: names round {} although round {} is published", files_.Current().string(), *current,
           newest);
    }
  }

  void CheckRound(const FsckRound& round) {
    const auto manifest = manifests_.find(round.round);
    if (manifest != manifests_.end()) CheckFiles(manifest->second, round.round);
    CheckShards(round);
    if (!round.published) return;
    CheckSelection(files_.Sft(round.round), [](const fs::path& path) { ReadSftRows(path); });
    CheckSelection(files_.Pairs(round.round), [](const fs::path& path) { ReadPairs(path); });
    CheckSelection(files_.HeldOutPairs(round.round), [](const fs::path& path) { ReadPairs(path); });
  }

  void CheckFiles(const Manifest& manifest, RoundIndex round) {
    const fs::path folder = files_.Round(round);
    const auto recorded = account_.manifests.find(round);
    if (recorded != account_.manifests.end() &&
        recorded->second != Sha256File(files_.Manifest(round))) {
      Find(files_.Manifest(round), "differs from the SHA-256 that the ledger recorded", kRestore);
    }
    for (const std::string& fault : CheckManifest(folder, manifest)) {
      const std::size_t colon = fault.find(": ", folder.string().size());
      Find(fault.substr(0, colon), fault.substr(colon + 2), kRestore);
    }
    report_.files += manifest.files.size();
    std::set<std::string> named{"manifest.json"};
    for (const ManifestFile& file : manifest.files) named.insert(file.path);
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      const std::string name = entry.path().lexically_relative(folder).generic_string();
      if (entry.is_regular_file() && !named.contains(name) && !name.starts_with("trainer/")) {
        Note("{}: not named by the manifest; nothing reads it", entry.path().string());
      }
    }
  }

  void CheckShards(const FsckRound& round) {
    const fs::path folder = files_.Shards(round.round);
    if (fs::is_directory(folder)) {
      for (const auto& entry : fs::directory_iterator(folder)) {
        if (entry.path().extension() == ".h5") CheckShard(entry.path(), round);
      }
    }
    for (const auto& [name, shard] : account_.shards) {
      if (name.first == round.round) FindIfMissing(folder / name.second);
    }
  }

  void CheckShard(const fs::path& path, const FsckRound& round) {
    ++report_.shards;
    const auto sealed = account_.shards.find({round.round, path.filename().string()});
    const bool is_known = sealed != account_.shards.end();
    if (!is_known && !ledger_lost_) {
      Note("{}: not in the ledger; {}", path.string(),
           round.published ? "nothing reads it" : "the run writes it again");
    }
    try {
      ShardReader shard(path);
      if (is_known) CompareShard(path, shard, sealed->second);
      while (const std::optional<Tree> tree = shard.Next()) {
        if (is_known) CheckAccepted(path, *tree);
      }
      report_.trees += shard.keys().size();
    } catch (const Error& error) {
      FindError(path, error, kRestore);
    }
  }

  // The file is the one that the ledger sealed.
  void CompareShard(const fs::path& path, const ShardReader& shard, const ShardSealed& sealed) {
    if (Sha256File(path) != sealed.sha256 || shard.content_digest() != sealed.content_digest) {
      Find(path, "is not the file that the ledger recorded", kRestore);
    }
    if (shard.keys() != sealed.keys) {
      Find(path, "holds other keys than the ledger recorded", kRestore);
    }
  }

  // It holds what was accepted.
  void CheckAccepted(const fs::path& path, const Tree& tree) {
    const auto accepted = account_.results.find(tree.key);
    if (accepted != account_.results.end() && accepted->second != Sha256(SerializeContent(tree))) {
      Find(path, fmt::format("{} differs from the result that was accepted", ToString(tree.key)),
           kRestore);
    }
  }

  template <class Read>
  void CheckSelection(const fs::path& path, Read read) {
    if (!fs::exists(path)) return;
    try {
      read(path);
    } catch (const Error& error) {
      FindError(path, error, kRestore);
    }
  }

  void CheckLedger() {
    if (ledger_lost_) return;
    std::vector<RoundIndex> published;
    for (const FsckRound& round : report_.rounds) {
      if (round.published) published.push_back(round.round);
    }
    for (std::string& fault : CheckArithmetic(account_, published)) {
      report_.findings.push_back({files_.Ledger().string(), std::move(fault),
                                  "restore the ledger or the round it names from a backup"});
    }
    for (const auto& [name, shard] : account_.shards) FindIfMissing(files_.Round(name.first));
    for (const auto& [round, sha256] : account_.manifests) {
      FindIfMissing(files_.Round(round));
      if (fs::exists(files_.Round(round))) FindIfMissing(files_.Manifest(round));
    }
  }

  void FindIfMissing(const fs::path& path) {
    if (!fs::exists(path)) Find(path, "missing although the ledger recorded it", kRestore);
  }

  const RunFiles& files_;
  bool full_;
  FsckReport report_;
  std::map<RoundIndex, Manifest> manifests_;
  LedgerAccount account_;
  bool ledger_lost_ = false;
  std::set<std::string> found_;  // Files with a finding.
};

}  // namespace

FsckReport CheckRun(const RunFiles& files, FsckDepth depth) {
  if (!fs::is_directory(files.root))
    Fail("{}: no such folder; name a run directory", files.root.string());
  if (!fs::exists(files.Config())) {
    Fail("{}: not a run directory: it has no config.yaml", files.root.string());
  }
  return Checker(files, depth).Run();
}

}  // namespace gradus
