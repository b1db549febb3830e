#pragma once
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "schemas/base/error.h"

namespace gradus {

// Appends little-endian scalars, strings (u32 length + bytes) and arrays (u32 count + elements).
class ByteWriter {
 public:
  template <class T>
  ByteWriter& Put(T value) {
    static_assert(std::is_trivially_copyable_v<T>);
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof(T));
    return *this;
  }
  ByteWriter& PutString(std::string_view text) {
    Put(static_cast<std::uint32_t>(text.size()));
    bytes_.append(text);
    return *this;
  }
  template <class T>
  ByteWriter& PutArray(const std::vector<T>& items) {
    static_assert(std::is_trivially_copyable_v<T>);
    Put(static_cast<std::uint32_t>(items.size()));
    bytes_.append(reinterpret_cast<const char*>(items.data()), items.size() * sizeof(T));
    return *this;
  }
  const std::string& bytes() const { return bytes_; }
  std::string Take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// Reads what ByteWriter wrote; throws Error on truncated input, never reads past the end.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : bytes_(bytes) {}
  template <class T>
  T Get() {
    static_assert(std::is_trivially_copyable_v<T>);
    T value;
    std::memcpy(&value, Take(sizeof(T)), sizeof(T));
    return value;
  }
  std::string GetString() {
    const auto size = Get<std::uint32_t>();
    return std::string(Take(size), size);
  }
  template <class T>
  std::vector<T> GetArray() {
    const std::size_t count = Get<std::uint32_t>();
    const char* from = Take(count * sizeof(T));
    std::vector<T> items(count);
    if (count > 0) std::memcpy(items.data(), from, count * sizeof(T));
    return items;
  }
  bool AtEnd() const { return position_ == bytes_.size(); }

 private:
  const char* Take(std::size_t size) {
    if (size > bytes_.size() - position_) Fail("truncated record: {} bytes missing", size);
    const char* from = bytes_.data() + position_;
    position_ += size;
    return from;
  }
  std::string_view bytes_;
  std::size_t position_ = 0;
};

}  // namespace gradus
