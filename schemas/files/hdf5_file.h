#pragma once
#include <hdf5.h>

#include <bit>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "schemas/base/error.h"
#include "schemas/base/handle.h"

namespace gradus {

// The part of HDF5 that gradus' files use: one-dimensional datasets of fixed little-endian types,
// ragged tables (flat values + offsets) and root attributes. A file starts with a 512-byte block
// that holds the SHA-256 of the rest (HDF5 calls it a user block; every HDF5 program skips it), so
// damage is found before the library, which can crash on it, sees a byte.
static_assert(std::endian::native == std::endian::little);

struct Hdf5Traits {
  using Type = hid_t;
  static Type Null() { return H5I_INVALID_HID; }
  static void Close(Type id) noexcept { H5Idec_ref(id); }
};
using Hdf5Id = Handle<Hdf5Traits>;

// Readers accept an equal major and a lower or equal minor version.
struct SchemaVersion {
  std::int32_t major = 1;
  std::int32_t minor = 0;
};

struct Schema {
  std::string name;
  SchemaVersion version;
};

// The HDF5 type of a C++ type.
template <class T>
hid_t Hdf5Type() {
  if constexpr (std::is_same_v<T, double>) return H5T_IEEE_F64LE;
  if constexpr (std::is_same_v<T, float>) return H5T_IEEE_F32LE;
  if constexpr (std::is_same_v<T, std::int32_t>) return H5T_STD_I32LE;
  if constexpr (std::is_same_v<T, std::uint64_t>) return H5T_STD_U64LE;
  if constexpr (std::is_same_v<T, std::uint32_t>) return H5T_STD_U32LE;
  if constexpr (std::is_same_v<T, std::uint16_t>) return H5T_STD_U16LE;
  if constexpr (std::is_same_v<T, std::uint8_t> || std::is_same_v<T, char>) return H5T_STD_U8LE;
}

// Rows of different lengths: row i is values[offsets[i], offsets[i + 1]).
template <class T>
struct Ragged {
  std::vector<T> values;
  std::vector<std::uint64_t> offsets{0};

  template <class Row>
  void Add(const Row& row) {
    values.insert(values.end(), row.begin(), row.end());
    offsets.push_back(values.size());
  }
  // A vector, or a string for T = char.
  auto Row(std::size_t i) const {
    using Values = std::conditional_t<std::is_same_v<T, char>, std::string, std::vector<T>>;
    const auto at = [&](std::size_t j) {
      return values.begin() + static_cast<std::ptrdiff_t>(offsets[j]);
    };
    return Values(at(i), at(i + 1));
  }
  std::size_t size() const { return offsets.size() - 1; }
};

// The library mixes up its files when two threads are inside it, without an error. Readers and
// writers hold this for their whole life, so that threads of one process take turns.
std::unique_lock<std::recursive_mutex> EnterHdf5();

// Builds a file in memory; Publish writes it as a whole. Paths are absolute ("/nodes/parent");
// their groups are created on the way. Equal calls give equal bytes.
class Hdf5Writer {
 public:
  explicit Hdf5Writer(const Schema& schema);
  void SetText(const std::string& attribute, const std::string& value);
  void SetCount(const std::string& attribute, std::uint64_t value);
  template <class T>
  void Put(const std::string& path, const std::vector<T>& values) {
    PutRaw(path, Hdf5Type<T>(), values.data(), values.size(), sizeof(T));
  }
  template <class T>
  void Put(const std::string& path, const Ragged<T>& rows) {
    Put(path + "/values", rows.values);
    Put(path + "/offsets", rows.offsets);
  }
  // The finished file. Nothing may be put afterwards.
  std::string Take();

 private:
  void PutRaw(const std::string& path, hid_t type, const void* values, std::size_t count,
              std::size_t item_bytes);
  std::unique_lock<std::recursive_mutex> turn_ =
      EnterHdf5();  // First: released after the handles close.
  Hdf5Id file_, link_;
};

// Rows [first, first + count) of a column that has `of` rows in all.
struct RowRange {
  std::uint64_t first = 0, count = 0, of = 0;
};

// Opens the bytes of a whole file and keeps a copy of them, packed as they are; what is read of a
// column is unpacked chunk by chunk. Everything throws Error naming `origin`.
class Hdf5Reader {
 public:
  Hdf5Reader(const std::string& bytes, std::string origin, const Schema& schema);
  Hdf5Reader(const Hdf5Reader&) = delete;  // Known to the library by its address.
  std::string Text(const std::string& attribute) const;
  std::uint64_t Count(const std::string& attribute) const;
  // These rows of a column of exactly `rows.of` values of exactly that type.
  template <class T>
  std::vector<T> Get(const std::string& path, const RowRange& rows) const {
    const Column& column = Open(path, Hdf5Type<T>(), sizeof(T));
    if (static_cast<std::uint64_t>(column.length) != rows.of)
      Bad(fmt::format("{} has {} values instead of {}", path, column.length, rows.of));
    std::vector<T> values(rows.count);
    Read(column, path, Hdf5Type<T>(), values.data(), rows);
    return values;
  }
  template <class T>
  std::vector<T> Get(const std::string& path, std::uint64_t count) const {
    return Get<T>(path, RowRange{0, count, count});
  }
  // These rows of a ragged column of exactly `rows.of` rows. Their offsets are checked; so whoever
  // reads all rows has checked all of them. In the result they count from the range's first value.
  template <class T>
  Ragged<T> GetRagged(const std::string& path, const RowRange& rows) const {
    Ragged<T> result;
    result.offsets =
        Get<std::uint64_t>(path + "/offsets", RowRange{rows.first, rows.count + 1, rows.of + 1});
    const std::string values = path + "/values";
    const auto all = static_cast<std::uint64_t>(Open(values, Hdf5Type<T>(), sizeof(T)).length);
    CheckOffsets(path, result.offsets, rows, all);
    const std::uint64_t first = result.offsets.front(), last = result.offsets.back();
    result.values = Get<T>(values, RowRange{first, last - first, all});
    for (std::uint64_t& offset : result.offsets) offset -= first;
    return result;
  }
  // Throws unless the offsets of these rows rise inside [0, count], from 0 if the first row is
  // among them and to `count` if the last one is.
  void CheckOffsets(const std::string& path, const std::vector<std::uint64_t>& offsets,
                    const RowRange& rows, std::uint64_t count) const;
  [[noreturn]] void Bad(const std::string& what) const;

 private:
  // Stays open, and with it the chunk that was unpacked last.
  struct Column {
    Hdf5Id data, type;
    std::int64_t length = -1;  // -1: not one row of values.
  };
  const Column& Open(const std::string& path, hid_t type, std::size_t item_bytes) const;
  void Read(const Column& column, const std::string& path, hid_t type, void* values,
            const RowRange& rows) const;
  Hdf5Id Attribute(const std::string& name) const;
  void CheckSchema(const Schema& schema) const;

  std::unique_lock<std::recursive_mutex> turn_ =
      EnterHdf5();  // First: released after the handles close.
  std::string origin_;
  std::uint64_t bytes_;
  Hdf5Id file_;
  mutable std::map<std::string, Column> columns_;  // Those that were read from.
};

}  // namespace gradus
