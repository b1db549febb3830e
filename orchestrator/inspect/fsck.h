#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "schemas/files/run_files.h"

namespace gradus {

// One thing that is wrong, and what to do about it.
struct FsckFinding {
  std::string file, what, remedy;
};

struct FsckRound {
  RoundIndex round = 0;
  bool published = false;
  std::string content_digest;  // From the manifest; "" when there is none that can be read.
};

struct FsckReport {
  std::vector<FsckRound> rounds;
  std::vector<FsckFinding> findings;  // Damage.
  std::vector<std::string> notes;     // Unusual but harmless: a round in progress, a torn record.
  std::uint64_t files = 0, shards = 0, trees = 0, records = 0;
};

enum class FsckDepth {
  kFast,  // Manifests, their chain and the configuration; no other file is read.
  kFull,  // Every hash, every shard and selection file, the ledger and its arithmetic.
};

// Checks a run directory, which may belong to a live run; changes nothing. Throws Error when
// `files.root` is no run directory; everything else that is wrong is a finding.
FsckReport CheckRun(const RunFiles& files, FsckDepth depth = FsckDepth::kFull);

}  // namespace gradus
