#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

enum class TensorType : std::uint8_t {
  kF64,
  kF32,
  kF16,
  kBF16,
  kI64,
  kI32,
  kI16,
  kI8,
  kU8,
  kBool,
};

// One tensor inside a mapped file. `bytes` stays valid while the file that holds it does.
struct StoredTensor {
  TensorType type = TensorType::kF32;
  std::vector<std::int64_t> shape;
  std::string_view bytes;
  std::int64_t Elements() const;
};

// A mapped safetensors file, completely validated: header size and JSON, duplicate keys, known
// types, sizes that match their shapes, tensors that tile the buffer without hole or overlap.
// Throws Error naming file and tensor.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::filesystem::path& path);
  SafetensorsFile(SafetensorsFile&&) noexcept;
  ~SafetensorsFile();
  const std::map<std::string, StoredTensor>& tensors() const { return tensors_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

 private:
  struct Mapping;
  void ReadHeader(const std::string& file);
  void CheckTiling(const std::string& file, std::size_t buffer_size) const;
  std::unique_ptr<Mapping> mapping_;
  std::map<std::string, StoredTensor> tensors_;
  std::map<std::string, std::string> metadata_;
};

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

 private:
  std::filesystem::path folder_;
  std::vector<SafetensorsFile> files_;
  std::map<std::string, std::size_t> owner_;
};

// The weight files of a folder in a fixed order, index file included. Throws Error when there are
// none.
std::vector<std::filesystem::path> WeightFiles(const std::filesystem::path& folder);

// Converts float32, bfloat16 or float16 to float32. REQUIRES room for tensor.Elements(); other
// types are an Error.
void CopyToFloat(const StoredTensor& tensor, const std::string& name, float* out);

struct FloatTensor {
  std::string name;
  std::vector<std::int64_t> shape;
  const float* data = nullptr;
};
// Writes float32 tensors sorted by name, header padded to 8 bytes, metadata {"format":"pt"};
// fsynced, by temporary name and rename.
void WriteSafetensors(const std::filesystem::path& path, std::vector<FloatTensor> tensors);

}  // namespace gradus
