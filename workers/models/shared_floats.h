#pragma once
#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>

#include "schemas/base/file.h"

namespace gradus {

// Read-only numbers that the processes of one host hold once: a file in memory (/dev/shm), named by
// what is in it. The first process fills it, the others wait for that and map it. Whoever uses it
// holds a lock on it, which the kernel takes back when a process dies: the last user to leave
// unlinks the file, and what a killed one left behind goes when the next file of that kind is
// opened. Where none of this is possible the numbers are in private memory, and a line in the log
// says why.
class SharedFloats {
 public:
  SharedFloats() = default;
  // `name` tells the content, to the last bit. `fill` is called with room for `count` zeros, in at
  // most one process at a time; what it throws comes out here and leaves nothing behind. `folder`
  // empty: private memory.
  SharedFloats(const std::filesystem::path& folder, const std::string& name, std::size_t count,
               const std::function<void(float*)>& fill);
  ~SharedFloats();
  SharedFloats(SharedFloats&& other) noexcept;
  SharedFloats& operator=(SharedFloats&& other) noexcept;

  const float* data() const { return data_; }
  bool shared() const { return static_cast<bool>(file_); }

 private:
  std::string Open();
  std::string Map();
  std::string Share(const std::function<void(float*)>& fill);
  std::string Fill(const std::function<void(float*)>& fill);
  bool IsComplete() const;
  void FillPrivately(const std::function<void(float*)>& fill);
  void Leave() noexcept;

  std::filesystem::path path_;
  Fd file_;
  std::size_t bytes_ = 0;  // Of the numbers; a page with a mark follows in the file.
  const float* data_ = nullptr;
};

}  // namespace gradus
