#pragma once
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include "schemas/files/hdf5_file.h"

namespace gradus {

// The columns of a table are named once, for both directions: a function template calls
// `columns(path, &Row::member, …)` for each, and is given one of the two classes below. More member
// pointers lead on into the member. The member's type says how it is stored: a number or an enum as
// it is, a bool as 0 or 1, a vector or a text as a ragged column. Rows are values or pointers.

template <class Row>
Row& Follow(Row& row) {
  return row;
}
template <class Row, class First, class... Rest>
auto& Follow(Row& row, First first, Rest... rest) {
  if constexpr (std::is_pointer_v<Row>) {
    return Follow((*row).*first, rest...);
  } else {
    return Follow(row.*first, rest...);
  }
}

// The type a plain value has in a file.
template <class T>
auto Stored(T value) {
  if constexpr (std::is_same_v<T, bool>) {
    return static_cast<std::uint8_t>(value);
  } else if constexpr (std::is_enum_v<T>) {
    return static_cast<std::underlying_type_t<T>>(value);
  } else {
    return value;
  }
}

// Puts one column after the other into a file.
template <class Rows>
class ColumnWriter {
 public:
  ColumnWriter(Hdf5Writer& out, const Rows& rows) : out_(out), rows_(rows) {}
  template <class... Members>
  void operator()(const std::string& path, Members... members) {
    using Value = std::remove_cvref_t<decltype(Follow(rows_[0], members...))>;
    if constexpr (requires { typename Value::value_type; }) {
      Ragged<typename Value::value_type> lists;
      lists.offsets.reserve(rows_.size() + 1);
      for (const auto& row : rows_) lists.Add(Follow(row, members...));
      out_.Put(path, lists);
    } else {
      std::vector<decltype(Stored(Value{}))> values;
      values.reserve(rows_.size());
      for (const auto& row : rows_) values.push_back(Stored(Follow(row, members...)));
      out_.Put(path, values);
    }
  }

 private:
  Hdf5Writer& out_;
  const Rows& rows_;
};

// Fills rows that are there already, `range` of the file's, from one column after the other.
template <class Rows>
class ColumnReader {
 public:
  ColumnReader(const Hdf5Reader& in, Rows& rows, const RowRange& range)
      : in_(in), rows_(rows), range_(range) {}
  template <class... Members>
  void operator()(const std::string& path, Members... members) {
    using Value = std::remove_cvref_t<decltype(Follow(rows_[0], members...))>;
    if constexpr (requires { typename Value::value_type; }) {
      const auto lists = in_.GetRagged<typename Value::value_type>(path, range_);
      for (std::size_t i = 0; i < rows_.size(); ++i) Follow(rows_[i], members...) = lists.Row(i);
    } else {
      const auto values = in_.Get<decltype(Stored(Value{}))>(path, range_);
      for (std::size_t i = 0; i < rows_.size(); ++i) {
        Follow(rows_[i], members...) = static_cast<Value>(values[i]);
        // Any other value would be lost in a bool.
        if (std::is_same_v<Value, bool> && values[i] > 1)
          in_.Bad(fmt::format("{} holds a flag of {}", path, values[i]));
      }
    }
  }

 private:
  const Hdf5Reader& in_;
  Rows& rows_;
  RowRange range_;
};

}  // namespace gradus
