#include "workers/models/safetensors.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <optional>

#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "schemas/base/strict_json.h"

namespace gradus {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors is little-endian");

constexpr std::uint64_t kMaxHeader = 100'000'000;  // The format's own cap.

struct TypeRow {
  const char* name;
  TensorType type;
  std::uint64_t bytes;
};
constexpr TypeRow kTypes[] = {
    {"F64", TensorType::kF64, 8},   {"F32", TensorType::kF32, 4}, {"F16", TensorType::kF16, 2},
    {"BF16", TensorType::kBF16, 2}, {"I64", TensorType::kI64, 8}, {"I32", TensorType::kI32, 4},
    {"I16", TensorType::kI16, 2},   {"I8", TensorType::kI8, 1},   {"U8", TensorType::kU8, 1},
    {"BOOL", TensorType::kBool, 1},
};

const TypeRow* FindType(const std::string& name) {
  for (const TypeRow& row : kTypes) {
    if (name == row.name) return &row;
  }
  return nullptr;
}

bool IsCount(const Json& value) { return value.is_number_unsigned(); }

// Bytes of a tensor of this shape, or nothing when the product overflows.
std::optional<std::uint64_t> SizeOf(const std::vector<std::int64_t>& shape, std::uint64_t item) {
  std::uint64_t size = item;
  for (std::int64_t extent : shape) {
    if (__builtin_mul_overflow(size, static_cast<std::uint64_t>(extent), &size)) return {};
  }
  return size;
}

StoredTensor ReadEntry(const Json& entry, std::string_view buffer, const std::string& where) {
  if (!entry.is_object() || entry.size() != 3 || !entry.contains("dtype") ||
      !entry.contains("shape") || !entry.contains("data_offsets")) {
    Fail("{}: needs exactly dtype, shape and data_offsets", where);
  }
  if (!entry["dtype"].is_string()) Fail("{}: dtype is not a string", where);
  const TypeRow* type = FindType(entry["dtype"].get<std::string>());
  if (!type) Fail("{}: unsupported dtype {}", where, entry["dtype"].get<std::string>());
  StoredTensor tensor;
  tensor.type = type->type;
  const Json& shape = entry["shape"];
  if (!shape.is_array() || !std::all_of(shape.begin(), shape.end(), IsCount)) {
    Fail("{}: shape is not a list of sizes", where);
  }
  for (const Json& extent : shape) {
    if (extent.get<std::uint64_t>() > (1ull << 48)) Fail("{}: shape is too large", where);
    tensor.shape.push_back(extent.get<std::int64_t>());
  }
  const Json& offsets = entry["data_offsets"];
  if (!offsets.is_array() || offsets.size() != 2 || !IsCount(offsets[0]) || !IsCount(offsets[1])) {
    Fail("{}: data_offsets is not a pair of sizes", where);
  }
  const auto begin = offsets[0].get<std::uint64_t>(), end = offsets[1].get<std::uint64_t>();
  if (begin > end || end > buffer.size()) {
    Fail("{}: data_offsets [{}, {}] leave the file's {} data bytes", where, begin, end,
         buffer.size());
  }
  if (SizeOf(tensor.shape, type->bytes) != end - begin) {
    Fail("{}: data_offsets hold {} bytes, which is not what its shape needs", where, end - begin);
  }
  tensor.bytes = buffer.substr(begin, end - begin);
  return tensor;
}

// A checkpoint of a run that diverged would train and sample nonsense.
void CheckFinite(const float* values, std::size_t count, const std::string& name) {
  for (std::size_t i = 0; i < count; ++i) {
    if (!std::isfinite(values[i])) {
      Fail("tensor {}: value {} is {}, which is no weight", name, i, values[i]);
    }
  }
}

float HalfToFloat(std::uint16_t half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000u) << 16;
  const std::uint32_t exponent = (half >> 10) & 31u, fraction = half & 1023u;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7F800000u | (fraction << 13));
  if (exponent > 0) {
    return std::bit_cast<float>(sign | ((exponent + 112u) << 23) | (fraction << 13));
  }
  const float small = static_cast<float>(fraction) * 0x1.0p-24f;
  return sign ? -small : small;
}

}  // namespace

const char* ToString(TensorType type) {
  for (const TypeRow& row : kTypes) {
    if (type == row.type) return row.name;
  }
  return "?";
}

std::int64_t StoredTensor::Elements() const {
  std::int64_t count = 1;
  for (std::int64_t extent : shape) count *= extent;
  return count;
}

struct SafetensorsFile::Mapping {
  explicit Mapping(const std::filesystem::path& path) {
    // A pipe in its place must not make us wait.
    Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd) Fail("{}: {}", path.string(), std::strerror(errno));
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
      Fail("{}: not a regular file", path.string());
    }
    size = static_cast<std::size_t>(status.st_size);
    if (size < 8) Fail("{}: {} bytes are too few for a safetensors file", path.string(), size);
    address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
    if (address == MAP_FAILED) Fail("{}: cannot map: {}", path.string(), std::strerror(errno));
  }
  ~Mapping() { ::munmap(address, size); }
  Mapping(const Mapping&) = delete;
  std::string_view bytes() const { return {static_cast<const char*>(address), size}; }

  void* address = nullptr;
  std::size_t size = 0;
};

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path)
    : mapping_(std::make_unique<Mapping>(path)) {
  ReadHeader(path.string());
}
SafetensorsFile::SafetensorsFile(SafetensorsFile&&) noexcept = default;
SafetensorsFile::~SafetensorsFile() = default;

void SafetensorsFile::ReadHeader(const std::string& file) {
  const std::string_view bytes = mapping_->bytes();
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  if (length > kMaxHeader || length > bytes.size() - 8) {
    Fail("{}: header length {} is beyond the file or the format's cap", file, length);
  }
  const std::string_view header = bytes.substr(8, length), buffer = bytes.substr(8 + length);
  if (header.empty() || header[0] != '{') Fail("{}: the header is not a JSON object", file);
  const Json document = ParseStrictJson(header, file + " header");
  for (const auto& [name, entry] : document.items()) {
    if (name == "__metadata__") {
      if (!entry.is_object()) Fail("{}: __metadata__ is not an object", file);
      for (const auto& [key, value] : entry.items()) {
        if (!value.is_string()) Fail("{}: __metadata__ {} is not a string", file, key);
        metadata_[key] = value.get<std::string>();
      }
      continue;
    }
    tensors_[name] = ReadEntry(entry, buffer, file + ": tensor " + name);
  }
  CheckTiling(file, buffer.size());
}

void SafetensorsFile::CheckTiling(const std::string& file, std::size_t buffer_size) const {
  std::vector<std::string_view> ranges;
  for (const auto& [name, tensor] : tensors_) ranges.push_back(tensor.bytes);
  std::sort(ranges.begin(), ranges.end(), [](std::string_view a, std::string_view b) {
    return std::pair(a.data(), a.size()) < std::pair(b.data(), b.size());
  });
  const char* at = mapping_->bytes().data() + mapping_->size - buffer_size;
  for (std::string_view range : ranges) {
    if (range.data() != at) Fail("{}: tensors overlap or leave a hole in the data", file);
    at = range.data() + range.size();
  }
  if (at != mapping_->bytes().data() + mapping_->size) {
    Fail("{}: bytes after the last tensor", file);
  }
}

void CopyToFloat(const StoredTensor& tensor, const std::string& name, float* out) {
  const std::size_t count = static_cast<std::size_t>(tensor.Elements());
  if (tensor.type == TensorType::kF32) {
    if (count > 0) std::memcpy(out, tensor.bytes.data(), count * sizeof(float));
    return CheckFinite(out, count, name);
  }
  if (tensor.type != TensorType::kBF16 && tensor.type != TensorType::kF16) {
    Fail("tensor {}: weights must be F32, BF16 or F16", name);
  }
  const bool brain = tensor.type == TensorType::kBF16;
  for (std::size_t i = 0; i < count; ++i) {
    std::uint16_t half;
    std::memcpy(&half, tensor.bytes.data() + 2 * i, 2);
    out[i] =
        brain ? std::bit_cast<float>(static_cast<std::uint32_t>(half) << 16) : HalfToFloat(half);
  }
  CheckFinite(out, count, name);
}

namespace {

std::string HeaderOf(const std::vector<FloatTensor>& tensors) {
  OrderedJson header;
  header["__metadata__"] = {{"format", "pt"}};
  std::uint64_t offset = 0;
  for (const FloatTensor& tensor : tensors) {
    const std::uint64_t size = tensor.StoredBytes();
    header[tensor.name] = {{"dtype", ToString(tensor.stored_as)},
                           {"shape", tensor.shape},
                           {"data_offsets", {offset, offset + size}}};
    offset += size;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  return text;
}

std::uint16_t ToBrainFloat(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  if (std::isnan(value)) return static_cast<std::uint16_t>((bits >> 16) | 0x40u);
  return static_cast<std::uint16_t>((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}

void WriteAll(const Fd& fd, const char* data, std::uint64_t size, const std::filesystem::path& at) {
  while (size > 0) {
    const ssize_t put = ::write(fd.get(), data, std::min<std::uint64_t>(size, 1u << 30));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) Fail("{}: cannot write: {}", at.string(), std::strerror(errno));
    data += put;
    size -= static_cast<std::uint64_t>(put);
  }
}

void WriteTensor(const Fd& fd, const FloatTensor& tensor, const std::filesystem::path& at) {
  const std::uint64_t bytes = tensor.StoredBytes();
  if (tensor.stored_as == TensorType::kF32) {
    return WriteAll(fd, reinterpret_cast<const char*>(tensor.data), bytes, at);
  }
  std::vector<std::uint16_t> part;
  for (std::uint64_t first = 0, count = bytes / 2; first < count; first += part.size()) {
    part.resize(std::min<std::uint64_t>(count - first, 1u << 20));
    std::transform(tensor.data + first, tensor.data + first + part.size(), part.begin(),
                   ToBrainFloat);
    WriteAll(fd, reinterpret_cast<const char*>(part.data()), 2 * part.size(), at);
  }
}

}  // namespace

std::uint64_t FloatTensor::StoredBytes() const {
  Require(stored_as == TensorType::kF32 || stored_as == TensorType::kBF16,
          "weights are saved as float32 or bfloat16");
  const std::optional<std::uint64_t> size = SizeOf(shape, stored_as == TensorType::kF32 ? 4 : 2);
  Require(size.has_value(), "tensor too large to save");
  return *size;
}

void WriteSafetensors(const std::filesystem::path& path, std::vector<FloatTensor> tensors) {
  std::sort(tensors.begin(), tensors.end(),
            [](const FloatTensor& a, const FloatTensor& b) { return a.name < b.name; });
  const std::filesystem::path temporary = path.string() + fmt::format(".tmp.{}", ::getpid());
  {
    Fd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (!fd) Fail("{}: {}", temporary.string(), std::strerror(errno));
    const std::string header = HeaderOf(tensors);
    const std::uint64_t length = header.size();
    WriteAll(fd, reinterpret_cast<const char*>(&length), 8, temporary);
    WriteAll(fd, header.data(), header.size(), temporary);
    for (const FloatTensor& tensor : tensors) WriteTensor(fd, tensor, temporary);
  }
  PublishFile(temporary, path);
}

}  // namespace gradus
