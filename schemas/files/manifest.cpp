#include "schemas/files/manifest.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "schemas/base/error.h"
#include "schemas/base/file.h"

namespace gradus {
namespace {

using nlohmann::json;

constexpr int kManifestVersion = 1;

// A path of a manifest must stay inside the round's folder.
bool IsInside(const fs::path& path) {
  if (path.empty() || path.is_absolute()) return false;
  return std::none_of(path.begin(), path.end(), [](const fs::path& part) { return part == ".."; });
}

ManifestFile ParseFile(const json& entry) {
  ManifestFile file{entry.at("path").get<std::string>(), entry.at("bytes").get<std::uint64_t>(),
                    entry.at("sha256").get<std::string>()};
  if (!IsInside(file.path)) Fail("file path '{}' leaves the round's folder", file.path);
  return file;
}

Manifest ParseManifest(const json& page) {
  const int version = page.at("version").get<int>();
  if (version > kManifestVersion) {
    Fail("version {} is newer than this program's {}: use the program that wrote it", version,
         kManifestVersion);
  }
  Manifest manifest;
  manifest.round = page.at("round").get<RoundIndex>();
  manifest.run_id = page.at("run_id").get<std::string>();
  manifest.config_digest = page.at("config_digest").get<std::string>();
  manifest.parent_sha256 = page.at("parent_sha256").get<std::string>();
  manifest.content_digest = page.at("content_digest").get<std::string>();
  for (const json& entry : page.at("files")) manifest.files.push_back(ParseFile(entry));
  manifest.metrics = page.at("metrics").dump();
  return manifest;
}

json ToJson(const Manifest& manifest) {
  json files = json::array();
  for (const ManifestFile& file : manifest.files) {
    files.push_back({{"path", file.path}, {"bytes", file.bytes}, {"sha256", file.sha256}});
  }
  return {{"version", kManifestVersion},
          {"round", manifest.round},
          {"run_id", manifest.run_id},
          {"config_digest", manifest.config_digest},
          {"parent_sha256", manifest.parent_sha256},
          {"content_digest", manifest.content_digest},
          {"files", files},
          {"metrics", manifest.metrics.empty() ? json::object() : json::parse(manifest.metrics)}};
}

// Everything but the digest of the manifest itself, which a flipped byte anywhere must break.
std::string SelfDigest(json page) {
  page.erase("self_sha256");
  return Sha256(page.dump());
}

}  // namespace

std::vector<ManifestFile> ListFiles(const std::filesystem::path& folder) {
  std::vector<ManifestFile> files;
  for (auto at = fs::recursive_directory_iterator(folder); at != fs::end(at); ++at) {
    const fs::path relative = at->path().lexically_relative(folder);
    if (at->is_directory()) {
      if (relative == "trainer") at.disable_recursion_pending();
      continue;
    }
    if (relative == "manifest.json") continue;
    files.push_back({relative.generic_string(), at->file_size(), Sha256File(at->path())});
  }
  std::sort(files.begin(), files.end(),
            [](const ManifestFile& a, const ManifestFile& b) { return a.path < b.path; });
  return files;
}

void WriteManifest(const std::filesystem::path& path, const Manifest& manifest) {
  try {
    json page = ToJson(manifest);
    page["self_sha256"] = SelfDigest(page);
    WriteFileAtomically(path, page.dump(1) + "\n");
  } catch (const json::exception& error) {
    throw Error(fmt::format("internal error: {}: {}", path.string(), error.what()),
                ExitCode::kInternal);
  }
}

Manifest ReadManifest(const std::filesystem::path& path) {
  const std::string bytes = ReadFile(path);
  try {
    const json page = json::parse(bytes);
    if (page.at("self_sha256").get<std::string>() != SelfDigest(page) ||
        page.dump(1) + "\n" != bytes) {
      Fail("does not match its own digest: it was changed after it was written");
    }
    return ParseManifest(page);
  } catch (const json::exception&) {
    Fail("{}: not a valid manifest", path.string());
  } catch (const Error& error) {
    Fail("{}: {}", path.string(), error.what());
  }
}

std::vector<std::string> CheckManifest(const std::filesystem::path& folder,
                                       const Manifest& manifest) {
  std::vector<std::string> faults;
  for (const ManifestFile& file : manifest.files) {
    const fs::path path = folder / file.path;
    std::error_code error;
    const std::uintmax_t bytes = fs::file_size(path, error);
    if (error) {
      faults.push_back(fmt::format("{}: missing", path.string()));
    } else if (bytes != file.bytes) {
      faults.push_back(
          fmt::format("{}: {} bytes, the manifest says {}", path.string(), bytes, file.bytes));
    } else if (Sha256File(path) != file.sha256) {
      faults.push_back(
          fmt::format("{}: content differs from the manifest's SHA-256", path.string()));
    }
  }
  return faults;
}

}  // namespace gradus
