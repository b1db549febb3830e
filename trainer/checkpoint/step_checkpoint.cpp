#include "trainer/checkpoint/step_checkpoint.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "workers/models/safetensors.h"

namespace gradus {
namespace {

using Json = nlohmann::json;
constexpr int kFormat = 2;
constexpr std::string_view kPrefix = "step-", kUnfinished = "tmp-";
constexpr const char* kManifest = "step.json";
constexpr int kKept = 2;
constexpr const char *kMasters = "masters", *kFirst = "first_moment", *kSecond = "second_moment",
                     *kBest = "best";

Json Describe(const CheckpointManifest& manifest, const std::string& order_digest) {
  const TrainReport& report = manifest.state.report;
  Json shards = Json::array();
  for (const ShardFile& shard : manifest.shards) {
    shards.push_back({{"file", shard.name},
                      {"first", shard.range.first},
                      {"last", shard.range.last},
                      {"sha256", shard.sha256}});
  }
  return {{"format", kFormat},
          {"step", manifest.state.step},
          {"order", order_digest},
          {"parameters", manifest.parameters},
          {"tokens", report.tokens},
          {"skipped_steps", report.skipped_steps},
          {"skipped_in_row", manifest.state.skipped_in_row},
          {"best_step", manifest.state.best_step},
          {"best_value", manifest.state.best_value},
          {"first_loss", report.first_loss},
          {"last_loss", report.last_loss},
          {"shards", shards}};
}

double NumberOrNan(const Json& value) {
  return value.is_number() ? value.get<double>() : std::numeric_limits<double>::quiet_NaN();
}

void RequireTiling(const std::vector<ShardFile>& shards, std::uint64_t parameters) {
  std::size_t at = 0;
  for (const ShardFile& shard : shards) {
    if (shard.range.first != at || shard.range.last < at) Fail("its shards leave a gap");
    at = shard.range.last;
  }
  if (at != parameters)
    Fail("it is of a model with {} parameters, this one has {}", at, parameters);
}

// The values at `range` of the tensor that holds `held`, into their place in `into`, which holds
// `wanted`.
void CopyPart(const SafetensorsFile& file, const char* name, ParameterRange held,
              ParameterRange wanted, std::vector<float>& into) {
  const auto found = file.tensors().find(name);
  if (found == file.tensors().end() || found->second.type != TensorType::kF32 ||
      found->second.bytes.size() != held.size() * sizeof(float)) {
    Fail("its tensor '{}' is missing or has the wrong size", name);
  }
  const ParameterRange both = Intersection(held, wanted);
  std::memcpy(into.data() + (both.first - wanted.first),
              found->second.bytes.data() + (both.first - held.first) * sizeof(float),
              both.size() * sizeof(float));
}

}  // namespace

StepCheckpoints::StepCheckpoints(std::filesystem::path folder, std::string order_digest)
    : folder_(std::move(folder)), order_digest_(std::move(order_digest)) {}

std::filesystem::path StepCheckpoints::FolderOf(int step) const {
  return folder_ / fmt::format("{}{:08}", kPrefix, step);
}

std::filesystem::path StepCheckpoints::UnfinishedFolderOf(int step) const {
  return folder_ / fmt::format("{}{}{:08}", kUnfinished, kPrefix, step);
}

ShardFile StepCheckpoints::WriteShard(int step, int rank, int ranks,
                                      const ShardState& shard) const {
  const std::filesystem::path folder = UnfinishedFolderOf(step);
  MakeFolder(folder);
  ShardFile file{fmt::format("shard-{:05}-of-{:05}.safetensors", rank, ranks), shard.range, {}};
  std::vector<FloatTensor> tensors;
  const auto add = [&](const char* name, const std::vector<float>& values) {
    Require(values.size() == shard.range.size(), "a shard's tensors differ in length");
    tensors.push_back({name, {std::int64_t(values.size())}, values.data(), TensorType::kF32});
  };
  add(kMasters, shard.masters);
  add(kFirst, shard.first_moment);
  add(kSecond, shard.second_moment);
  if (!shard.best.empty()) add(kBest, shard.best);
  WriteSafetensors(folder / file.name, std::move(tensors));
  file.sha256 = Sha256File(folder / file.name);
  return file;
}

void StepCheckpoints::Publish(const CheckpointManifest& manifest) const {
  const int step = manifest.state.step;
  Json description = Describe(manifest, order_digest_);
  description["sha256"] = Sha256(description.dump());
  WriteFileAtomically(UnfinishedFolderOf(step) / kManifest, description.dump(2) + "\n");
  fs::remove_all(FolderOf(step));
  PublishFile(UnfinishedFolderOf(step), FolderOf(step));
  const std::vector<int> steps = Steps();
  for (std::size_t i = kKept; i < steps.size(); ++i) fs::remove_all(FolderOf(steps[i]));
}

void StepCheckpoints::RemoveUnfinished() const {
  if (!enabled() || !fs::is_directory(folder_)) return;
  std::vector<fs::path> unfinished;
  for (const auto& entry : fs::directory_iterator(folder_)) {
    if (entry.path().filename().string().starts_with(kUnfinished))
      unfinished.push_back(entry.path());
  }
  for (const fs::path& path : unfinished) fs::remove_all(path);
}

std::vector<int> StepCheckpoints::Steps() const {
  std::vector<int> steps;
  if (!enabled() || !fs::is_directory(folder_)) return steps;
  for (const auto& entry : fs::directory_iterator(folder_)) {
    const std::string name = entry.path().filename().string();
    int step = 0;
    if (!name.starts_with(kPrefix)) continue;
    const auto [end, error] =
        std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), step);
    if (error == std::errc() && end == name.data() + name.size()) steps.push_back(step);
  }
  std::sort(steps.rbegin(), steps.rend());
  return steps;
}

std::string StepCheckpoints::ReadManifest(int step) const {
  return ReadFile(FolderOf(step) / kManifest);
}

CheckpointManifest StepCheckpoints::ParseManifest(const std::string& text,
                                                  std::uint64_t parameters) const {
  CheckpointManifest manifest;
  try {
    Json description = Json::parse(text);
    const auto sha256 = description.at("sha256").get<std::string>();
    description.erase("sha256");
    if (Sha256(description.dump()) != sha256)
      Fail("{} is damaged: its SHA-256 does not match", kManifest);
    if (description.at("format") != kFormat)
      Fail("its format is {}, not {}", description.at("format").dump(), kFormat);
    if (description.at("order") != order_digest_) Fail("it is of another order");
    TrainerState& state = manifest.state;
    state.step = description.at("step");
    state.skipped_in_row = description.at("skipped_in_row");
    state.best_step = description.at("best_step");
    state.best_value = description.at("best_value");
    state.report.tokens = description.at("tokens");
    state.report.skipped_steps = description.at("skipped_steps");
    state.report.first_loss = NumberOrNan(description.at("first_loss"));
    state.report.last_loss = NumberOrNan(description.at("last_loss"));
    manifest.parameters = description.at("parameters");
    for (const Json& shard : description.at("shards")) {
      manifest.shards.push_back(
          {shard.at("file"), {shard.at("first"), shard.at("last")}, shard.at("sha256")});
    }
  } catch (const Json::exception& error) {
    Fail("{} is damaged: {}", kManifest, error.what());
  }
  RequireTiling(manifest.shards, parameters);
  return manifest;
}

ShardState StepCheckpoints::ReadShard(const CheckpointManifest& manifest,
                                      ParameterRange range) const {
  ShardState state;
  state.range = range;
  for (auto* values : {&state.masters, &state.first_moment, &state.second_moment})
    values->resize(range.size());
  if (manifest.state.best_step > 0) state.best.resize(range.size());
  for (const ShardFile& shard : manifest.shards) {
    if (Intersection(shard.range, range).empty()) continue;
    const std::filesystem::path path = FolderOf(manifest.state.step) / shard.name;
    if (!fs::exists(path)) Fail("its shard {} is missing", shard.name);
    if (Sha256File(path) != shard.sha256)
      Fail("its shard {} is damaged: the SHA-256 does not match", shard.name);
    const SafetensorsFile file(path);
    CopyPart(file, kMasters, shard.range, range, state.masters);
    CopyPart(file, kFirst, shard.range, range, state.first_moment);
    CopyPart(file, kSecond, shard.range, range, state.second_moment);
    if (!state.best.empty()) CopyPart(file, kBest, shard.range, range, state.best);
  }
  return state;
}

void StepCheckpoints::Clear() const {
  RemoveUnfinished();
  for (int step : Steps()) fs::remove_all(FolderOf(step));
  std::error_code not_empty;  // The folder may serve other orders too.
  if (enabled()) fs::remove(folder_, not_empty);
}

}  // namespace gradus
