#pragma once
#include <bit>
#include <cstdint>
#include <vector>

namespace gradus {

// What becomes of two neighbouring symbols: the lower rank is merged first.
struct Merge {
  std::int32_t rank, id;
};

// Merges by pair of ids, in one open table: a look-up touches one cache line most of the time.
class PairMap {
 public:
  explicit PairMap(std::size_t expected = 0) : slots_(std::bit_ceil(2 * expected + 2)) {}

  // The last of two entries for one pair stays. REQUIRES: no more pairs than expected.
  void Set(std::int32_t left, std::int32_t right, Merge merge) {
    const std::uint64_t key = KeyOf(left, right);
    std::size_t at = PlaceOf(key);
    while (slots_[at].key != kNone && slots_[at].key != key) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = {key, merge};
  }

  const Merge* Find(std::int32_t left, std::int32_t right) const {
    const std::uint64_t key = KeyOf(left, right);
    for (std::size_t at = PlaceOf(key); slots_[at].key != kNone;) {
      if (slots_[at].key == key) return &slots_[at].merge;
      at = (at + 1) & (slots_.size() - 1);
    }
    return nullptr;
  }

 private:
  static constexpr std::uint64_t kNone = ~std::uint64_t{0};
  struct Slot {
    std::uint64_t key = kNone;
    Merge merge{};
  };
  static std::uint64_t KeyOf(std::int32_t left, std::int32_t right) {
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 |
           static_cast<std::uint32_t>(right);
  }
  std::size_t PlaceOf(std::uint64_t key) const {
    return static_cast<std::size_t>((key * 0x9E3779B97F4A7C15ull) >> 32) & (slots_.size() - 1);
  }
  std::vector<Slot> slots_;
};

}  // namespace gradus
