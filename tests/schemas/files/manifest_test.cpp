#include "schemas/files/manifest.h"

#include <doctest/doctest.h>

#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "schemas/files/run_files.h"
#include "tests/fakes/temp_folder.h"

namespace gradus {
namespace {

// A round's folder of three files that count and two that do not.
Manifest MakeRound(const fs::path& folder) {
  for (const char* name : {"shards", "policy", "trainer"}) MakeFolder(folder / name);
  WriteBytes(folder / "plan.json", "{}");
  WriteBytes(folder / "shards" / "000000.h5", std::string(1000, 's'));
  WriteBytes(folder / "policy" / "model.safetensors", std::string(70000, 'w'));
  WriteBytes(folder / "trainer" / "step.pt", "x");
  WriteBytes(folder / "manifest.json", "old");
  Manifest manifest;
  manifest.round = 3;
  manifest.run_id = "run";
  manifest.config_digest = std::string(64, 'c');
  manifest.parent_sha256 = std::string(64, 'd');
  manifest.content_digest = std::string(64, 'e');
  manifest.files = ListFiles(folder);
  manifest.metrics = R"({"coverage": 0.25, "solved": 1.0, "phases": {"rollout": 12}})";
  return manifest;
}

}  // namespace

TEST_CASE("A manifest lists every file of the round but itself and the trainer's, sorted") {
  TempFolder folder;
  const Manifest manifest = MakeRound(folder.path());
  REQUIRE(manifest.files.size() == 3);
  CHECK(manifest.files[0].path == "plan.json");
  CHECK(manifest.files[1].path == "policy/model.safetensors");
  CHECK(manifest.files[1].bytes == 70000);
  CHECK(manifest.files[2].path == "shards/000000.h5");
  CHECK(manifest.files[2].sha256 == Sha256(std::string(1000, 's')));
  CHECK(CheckManifest(folder.path(), manifest).empty());
}

TEST_CASE("A manifest survives its file") {
  TempFolder folder;
  const Manifest written = MakeRound(folder.path());
  WriteManifest(folder.path() / "manifest.json", written);
  const Manifest read = ReadManifest(folder.path() / "manifest.json");
  CHECK(read.round == 3);
  CHECK(read.run_id == written.run_id);
  CHECK(read.config_digest == written.config_digest);
  CHECK(read.parent_sha256 == written.parent_sha256);
  CHECK(read.content_digest == written.content_digest);
  REQUIRE(read.files.size() == written.files.size());
  CHECK(read.files[2].sha256 == written.files[2].sha256);
  CHECK(read.metrics == R"({"coverage":0.25,"phases":{"rollout":12},"solved":1.0})");
}

TEST_CASE("Missing, resized and changed files are found, each by name") {
  TempFolder folder;
  const Manifest manifest = MakeRound(folder.path());
  fs::remove(folder.path() / "plan.json");
  WriteBytes(folder.path() / "policy" / "model.safetensors", std::string(69999, 'w'));
  WriteBytes(folder.path() / "shards" / "000000.h5", std::string(999, 's') + "t");
  const std::vector<std::string> faults = CheckManifest(folder.path(), manifest);
  REQUIRE(faults.size() == 3);
  CHECK(faults[0].find("plan.json: missing") != std::string::npos);
  CHECK(faults[1].find("69999 bytes") != std::string::npos);
  CHECK(faults[2].find("SHA-256") != std::string::npos);
}

TEST_CASE("A flipped byte or a lost end of a manifest is an error that names it") {
  TempFolder folder;
  const fs::path path = folder.path() / "manifest.json";
  WriteManifest(path, MakeRound(folder.path()));
  const std::string good = ReadFile(path);
  const auto fault = [&](const std::string& bytes) {
    WriteBytes(path, bytes);
    try {
      ReadManifest(path);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  for (std::size_t at = 0; at < good.size(); ++at) {
    std::string bytes = good;
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << (at % 8)));
    CHECK(fault(bytes).find("manifest.json") != std::string::npos);
  }
  for (std::size_t size = 0; size < good.size(); size += 7)
    CHECK(fault(good.substr(0, size)) != "");
  CHECK(fault(good).empty());
}

TEST_CASE("A manifest cannot name a file outside its round") {
  TempFolder folder;
  for (const char* name : {"../secret", "/etc/passwd", "a/../../b", ""}) {
    Manifest manifest;
    manifest.files.push_back({name, 1, "x"});
    WriteManifest(folder.path() / "manifest.json", manifest);
    CHECK_THROWS_AS(ReadManifest(folder.path() / "manifest.json"), Error);
  }
}

TEST_CASE("Rounds have folders of four digits") {
  CHECK(RunFiles{"runs/x"}.Manifest(1) == fs::path("runs/x/rounds/0001/manifest.json"));
  CHECK(RunFiles{"runs/x"}.Sft(12345) == fs::path("runs/x/rounds/12345/selection/sft.h5"));
}

}  // namespace gradus
