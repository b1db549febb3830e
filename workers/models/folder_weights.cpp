#include "workers/models/folder_weights.h"

#include <algorithm>
#include <set>
#include <utility>

#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "schemas/base/strict_json.h"

namespace gradus {
namespace {

constexpr const char* kIndex = "model.safetensors.index.json";

// A link that leads nowhere, or in a circle, is nothing.
bool IsThere(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

std::string ShapeText(const std::vector<std::int64_t>& shape) {
  std::string text;
  for (std::int64_t extent : shape) text += (text.empty() ? "" : ", ") + std::to_string(extent);
  return "[" + text + "]";
}

// Tensor to file name.
std::map<std::string, std::string> ReadIndex(const std::filesystem::path& index) {
  const Json document = ParseStrictJson(ReadFile(index), index.string());
  if (!document.contains("weight_map") || !document["weight_map"].is_object()) {
    Fail("{}: has no weight_map", index.string());
  }
  std::map<std::string, std::string> places;
  for (const auto& [tensor, file] : document["weight_map"].items()) {
    const std::string name = file.is_string() ? file.get<std::string>() : "";
    if (name.empty() || name.find('/') != std::string::npos) {
      Fail("{}: {} names no file of this folder", index.string(), tensor);
    }
    places[tensor] = name;
  }
  if (places.empty()) Fail("{}: weight_map is empty", index.string());
  return places;
}

}  // namespace

std::vector<std::filesystem::path> WeightFiles(const std::filesystem::path& folder) {
  const std::filesystem::path index = folder / kIndex;
  if (!IsThere(index)) {
    if (!IsThere(folder / "model.safetensors")) {
      Fail("{}: holds neither model.safetensors nor {}", folder.string(), kIndex);
    }
    return {folder / "model.safetensors"};
  }
  std::set<std::string> shards;
  for (const auto& [tensor, file] : ReadIndex(index)) shards.insert(file);
  std::vector<std::filesystem::path> files = {index};
  for (const std::string& name : shards) files.push_back(folder / name);
  return files;
}

FolderWeights::FolderWeights(const std::filesystem::path& folder) : folder_(folder) {
  std::map<std::string, std::string> files;  // By tensor, as the files say themselves.
  for (const std::filesystem::path& path : WeightFiles(folder)) {
    if (path.extension() == ".json") continue;
    files_.emplace_back(path);
    for (const auto& [name, tensor] : files_.back().tensors()) {
      if (!owner_.emplace(name, files_.size() - 1).second) {
        Fail("{}: tensor {} is in two files", folder.string(), name);
      }
      files[name] = path.filename().string();
    }
  }
  if (!IsThere(folder / kIndex)) return;
  for (const auto& [name, file] : ReadIndex(folder / kIndex)) {
    if (files.count(name) == 0 || files[name] != file) {
      Fail("{}: {} says that {} is in {}, which lacks it", folder.string(), kIndex, name, file);
    }
  }
}

TensorType FolderWeights::SavedAs() const {
  const bool brain = std::all_of(files_.begin(), files_.end(), [](const SafetensorsFile& file) {
    return std::all_of(file.tensors().begin(), file.tensors().end(),
                       [](const auto& entry) { return entry.second.type == TensorType::kBF16; });
  });
  return brain ? TensorType::kBF16 : TensorType::kF32;
}

const StoredTensor& FolderWeights::At(const std::string& name) const {
  const auto owner = owner_.find(name);
  if (owner == owner_.end()) Fail("{}: the weights lack tensor {}", folder_.string(), name);
  return files_[owner->second].tensors().at(name);
}

const StoredTensor& FolderWeights::Get(const std::string& name,
                                       const std::vector<std::int64_t>& shape) const {
  const StoredTensor& tensor = At(name);
  if (tensor.shape != shape) {
    Fail("{}: tensor {} has shape {}, config.json asks for {}", folder_.string(), name,
         ShapeText(tensor.shape), ShapeText(shape));
  }
  return tensor;
}

std::vector<std::string> FolderWeights::Names() const {
  std::vector<std::string> names;
  for (const auto& [name, unused] : owner_) names.push_back(name);
  return names;
}

void WriteFolderWeights(const std::filesystem::path& folder, std::vector<FloatTensor> tensors,
                        std::uint64_t shard_bytes) {
  std::vector<std::vector<FloatTensor>> shards(1);
  std::uint64_t total = 0, in_shard = 0;
  for (FloatTensor& tensor : tensors) {
    const std::uint64_t size = tensor.StoredBytes();
    if (in_shard > 0 && in_shard + size > shard_bytes) {
      shards.emplace_back();
      in_shard = 0;
    }
    in_shard += size;
    total += size;
    shards.back().push_back(std::move(tensor));
  }
  if (shards.size() == 1) return WriteSafetensors(folder / "model.safetensors", shards[0]);
  OrderedJson index = {{"metadata", {{"total_size", total}}},
                       {"weight_map", OrderedJson::object()}};
  std::map<std::string, std::string> places;  // By tensor, in the order of names.
  for (std::size_t i = 0; i < shards.size(); ++i) {
    const std::string file = fmt::format("model-{:05}-of-{:05}.safetensors", i + 1, shards.size());
    for (const FloatTensor& tensor : shards[i]) places[tensor.name] = file;
    WriteSafetensors(folder / file, std::move(shards[i]));
  }
  for (const auto& [name, file] : places) index["weight_map"][name] = file;
  WriteFileAtomically(folder / kIndex, index.dump(2) + "\n");
}

}  // namespace gradus
