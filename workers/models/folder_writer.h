#pragma once
#include <filesystem>

#include "workers/models/model_config.h"
#include "workers/models/safetensors.h"

namespace gradus {

// Builds a model folder beside its final place and publishes it in one step: readers see the old
// folder or the whole new one. Dropped without Publish, it leaves nothing behind.
class FolderWriter {
 public:
  explicit FolderWriter(const std::filesystem::path& target);
  ~FolderWriter();
  FolderWriter(const FolderWriter&) = delete;

  const std::filesystem::path& folder() const { return temporary_; }
  // Copies every file of `like` that is neither weights nor config.json, byte for byte.
  void CopyCompanions(const std::filesystem::path& like);
  // The config.json of `like`, keys and their order kept, changed only where `config` or the
  // weights' type differ.
  void WriteConfig(const std::filesystem::path& like, const ModelConfig& config, TensorType type);
  // fsyncs everything and renames the folder into place, replacing one that is there.
  void Publish();

 private:
  std::filesystem::path target_, temporary_;
};

}  // namespace gradus
