#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "schemas/base/bytes.h"
#include "schemas/ids.h"

namespace gradus {

// The fields of a message as bytes, in the order they are given: numbers as they lie in memory,
// strings and arrays behind their size.
class FieldWriter {
 public:
  template <class... Fields>
  void operator()(const Fields&... fields) {
    (Put(fields), ...);
  }
  std::string Take() { return out_.Take(); }

 private:
  template <class T>
  void Put(const T& number) {
    out_.Put(number);
  }
  template <class T>
  void Put(const std::vector<T>& items) {
    out_.PutArray(items);
  }
  void Put(const std::string& text) { out_.PutString(text); }
  void Put(const Key& key) { (*this)(key.round, key.phase, key.problem, key.attempt); }

  ByteWriter out_;
};

// Reads what FieldWriter wrote; throws Error on truncated bytes and on a key of an unknown phase.
class FieldReader {
 public:
  explicit FieldReader(std::string_view bytes) : in_(bytes) {}
  template <class... Fields>
  void operator()(Fields&... fields) {
    (Get(fields), ...);
  }
  bool AtEnd() const { return in_.AtEnd(); }

 private:
  template <class T>
  void Get(T& number) {
    number = in_.Get<T>();
  }
  template <class T>
  void Get(std::vector<T>& items) {
    items = in_.GetArray<T>();
  }
  void Get(std::string& text) { text = in_.GetString(); }
  void Get(Key& key) {
    (*this)(key.round, key.phase, key.problem, key.attempt);
    const auto phase = static_cast<std::uint8_t>(key.phase);
    if (!IsPhase(phase)) Fail("message with a key of unknown phase {}", phase);
  }

  ByteReader in_;
};

}  // namespace gradus
