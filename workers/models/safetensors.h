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

// "F32", as the format names a type.
const char* ToString(TensorType type);

// Converts float32, bfloat16 or float16 to float32. REQUIRES room for tensor.Elements(); other
// types, and values that are not finite, are an Error.
void CopyToFloat(const StoredTensor& tensor, const std::string& name, float* out);

struct FloatTensor {
  std::string name;
  std::vector<std::int64_t> shape;
  const float* data = nullptr;
  TensorType stored_as = TensorType::kF32;  // Or kBF16, rounded to nearest, ties to even.
  std::uint64_t StoredBytes() const;
};
// Writes tensors sorted by name, header padded to 8 bytes, metadata {"format":"pt"}; fsynced, by
// temporary name and rename.
void WriteSafetensors(const std::filesystem::path& path, std::vector<FloatTensor> tensors);

}  // namespace gradus
