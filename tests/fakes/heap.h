#pragma once
#include <malloc.h>

#include <algorithm>
#include <cstddef>

namespace gradus {

// How far this process' heap grows from the beginning of its life; asked now and then. Nothing
// under a sanitizer, whose allocator does not tell.
class HeapGrowth {
 public:
  void Look() { peak_ = std::max(peak_, Bytes()); }
  std::size_t peak() const { return peak_ - start_; }

 private:
  static std::size_t Bytes() {
    const struct mallinfo2 info = ::mallinfo2();
    return info.uordblks + info.hblkhd;
  }
  std::size_t start_ = Bytes(), peak_ = start_;
};

}  // namespace gradus
