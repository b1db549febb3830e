#pragma once
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "schemas/ids.h"

namespace gradus {

struct ManifestFile {
  std::string path;  // Relative to the round's folder.
  std::uint64_t bytes = 0;
  std::string sha256;
};

// A round exists once its manifest does: every file with size and hash, its parents, its metrics.
struct Manifest {
  RoundIndex round = 0;
  std::string run_id;
  std::string config_digest;
  std::string parent_sha256;  // Of the previous round's manifest file; "" for round 0.
  std::string
      content_digest;  // Shard contents, selection, weights, evaluation: no times, no hosts.
  std::vector<ManifestFile> files;
  std::string metrics;  // JSON object text: the round's row of the report.
};

// Hashes every file below `folder` except manifest.json and trainer/.
std::vector<ManifestFile> ListFiles(const std::filesystem::path& folder);
void WriteManifest(const std::filesystem::path& path, const Manifest& manifest);
Manifest ReadManifest(const std::filesystem::path& path);
// Problems found: missing, size, hash; empty when all is well.
std::vector<std::string> CheckManifest(const std::filesystem::path& folder,
                                       const Manifest& manifest);

}  // namespace gradus
