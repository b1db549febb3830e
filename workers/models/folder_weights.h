#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "workers/models/safetensors.h"

namespace gradus {

// All weights of a Hugging Face folder: model.safetensors, or the shards that
// model.safetensors.index.json lists.
class FolderWeights {
 public:
  explicit FolderWeights(const std::filesystem::path& folder);
  bool Has(const std::string& name) const { return owner_.count(name) > 0; }
  // Throws Error naming the tensor when it is missing or has another shape.
  const StoredTensor& Get(const std::string& name, const std::vector<std::int64_t>& shape) const;
  std::vector<std::string> Names() const;
  const StoredTensor& At(const std::string& name) const;
  // How a changed copy of these weights is stored: bfloat16 where all of them are, else float32.
  TensorType SavedAs() const;

 private:
  std::filesystem::path folder_;
  std::vector<SafetensorsFile> files_;
  std::map<std::string, std::size_t> owner_;
};

// The weight files of a folder in a fixed order, index file included. Throws Error when there are
// none, or when the index names files or tensors that are not there.
std::vector<std::filesystem::path> WeightFiles(const std::filesystem::path& folder);

// Writes model.safetensors, or shards of at most `shard_bytes` (a tensor is never cut) and their
// index.
void WriteFolderWeights(const std::filesystem::path& folder, std::vector<FloatTensor> tensors,
                        std::uint64_t shard_bytes = 5'000'000'000);

}  // namespace gradus
