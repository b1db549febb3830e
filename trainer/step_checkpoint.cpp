#include "trainer/step_checkpoint.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <span>

#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "schemas/base/log.h"

namespace gradus {
namespace {

using Json = nlohmann::json;
constexpr std::string_view kPrefix = "step-";
constexpr int kKept = 2;

std::string StateBytes(const TrainerState& state) {
  Json header;
  std::size_t at = 0;
  const auto entry = [&](const char* name, const std::vector<float>& values) {
    const std::size_t bytes = values.size() * sizeof(float);
    header[name] = {
        {"dtype", "F32"}, {"shape", {values.size()}}, {"data_offsets", {at, at + bytes}}};
    at += bytes;
  };
  entry("values", state.values);
  entry("first_moment", state.moments.first);
  entry("second_moment", state.moments.second);
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');

  std::string bytes(sizeof(std::uint64_t), '\0');
  const std::uint64_t length = text.size();
  std::memcpy(bytes.data(), &length, sizeof(length));
  bytes.reserve(bytes.size() + text.size() + at);
  bytes += text;
  for (const auto* values : {&state.values, &state.moments.first, &state.moments.second}) {
    bytes.append(reinterpret_cast<const char*>(values->data()), values->size() * sizeof(float));
  }
  return bytes;
}

// The digest was checked, so the layout is the one above.
void ParseStateBytes(const std::string& bytes, TrainerState& state) {
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof(length));
  const Json header = Json::parse(bytes.substr(sizeof(length), length));
  const char* data = bytes.data() + sizeof(length) + length;
  const auto read = [&](const char* name, std::vector<float>& values) {
    const auto offsets = header.at(name).at("data_offsets").get<std::vector<std::size_t>>();
    values.resize((offsets.at(1) - offsets.at(0)) / sizeof(float));
    std::memcpy(values.data(), data + offsets[0], values.size() * sizeof(float));
  };
  read("values", state.values);
  read("first_moment", state.moments.first);
  read("second_moment", state.moments.second);
}

Json Describe(const TrainerState& state, const std::string& order_digest) {
  const TrainReport& report = state.report;
  return {{"format", 1},
          {"step", state.step},
          {"order", order_digest},
          {"tokens", report.tokens},
          {"skipped_steps", report.skipped_steps},
          {"first_loss", report.first_loss},
          {"last_loss", report.last_loss}};
}

std::string Seal(const Json& description, const std::string& state_bytes) {
  return Sha256(description.dump() + Sha256(state_bytes));
}

double NumberOrNan(const Json& value) {
  return value.is_number() ? value.get<double>() : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

StepCheckpoints::StepCheckpoints(std::filesystem::path folder, std::string order_digest)
    : folder_(std::move(folder)), order_digest_(std::move(order_digest)) {}

std::filesystem::path StepCheckpoints::FolderOf(int step) const {
  return folder_ / fmt::format("{}{:08}", kPrefix, step);
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

void StepCheckpoints::Save(const TrainerState& state) const {
  if (!enabled()) return;
  MakeFolder(folder_);
  const fs::path target = FolderOf(state.step),
                 temporary = folder_ / ("tmp-" + target.filename().string());
  fs::remove_all(temporary);
  MakeFolder(temporary);
  const std::string bytes = StateBytes(state);
  Json description = Describe(state, order_digest_);
  description["sha256"] = Seal(description, bytes);
  WriteFileAtomically(temporary / "state.safetensors", bytes);
  WriteFileAtomically(temporary / "step.json", description.dump(2) + "\n");
  fs::remove_all(target);
  fs::rename(temporary, target);
  SyncFolder(folder_);
  const std::vector<int> steps = Steps();
  for (std::size_t i = kKept; i < steps.size(); ++i) fs::remove_all(FolderOf(steps[i]));
}

TrainerState StepCheckpoints::Load(int step) const {
  const fs::path folder = FolderOf(step);
  const std::string bytes = ReadFile(folder / "state.safetensors");
  TrainerState state;
  try {
    Json description = Json::parse(ReadFile(folder / "step.json"));
    const auto sha256 = description.at("sha256").get<std::string>();
    description.erase("sha256");
    if (description.at("order") != order_digest_)
      Fail("step checkpoint {} is of another order", folder.string());
    if (description.at("step") != step || Seal(description, bytes) != sha256) {
      Fail("step checkpoint {} is damaged: its SHA-256 does not match", folder.string());
    }
    state.step = step;
    state.report.tokens = description.at("tokens");
    state.report.skipped_steps = description.at("skipped_steps");
    state.report.first_loss = NumberOrNan(description.at("first_loss"));
    state.report.last_loss = NumberOrNan(description.at("last_loss"));
    ParseStateBytes(bytes, state);
  } catch (const Json::exception& error) {
    Fail("step checkpoint {} is damaged: {}", folder.string(), error.what());
  }
  return state;
}

std::optional<TrainerState> StepCheckpoints::LoadNewest() const {
  for (int step : Steps()) {
    try {
      return Load(step);
    } catch (const Error& error) {
      Log("passed over: {}", error.what());
    }
  }
  return std::nullopt;
}

void StepCheckpoints::Clear() const {
  for (int step : Steps()) fs::remove_all(FolderOf(step));
  std::error_code not_empty;  // The folder may serve other orders too.
  if (enabled()) fs::remove(folder_, not_empty);
}

}  // namespace gradus
