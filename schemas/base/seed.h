#pragma once
#include <cstdint>
#include <string_view>
#include <utility>

namespace gradus {

// A seed is a 64-bit value derived from named parts, never from time, rank or pointer. Derivation
// is a counter-based hash (SplitMix64 finaliser), so any part can be drawn without the ones before
// it.
using Seed = std::uint64_t;

constexpr Seed MixSeed(Seed seed, std::uint64_t part) {
  std::uint64_t z = seed ^ (part + 0x9E3779B97F4A7C15ull + (seed << 6) + (seed >> 2));
  z += 0x9E3779B97F4A7C15ull;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

constexpr Seed MixSeed(Seed seed, std::string_view part) {
  std::uint64_t hash = 0xCBF29CE484222325ull;
  for (char c : part) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ull;
  return MixSeed(seed, hash);
}

template <class First, class Second, class... Rest>
constexpr Seed MixSeed(Seed seed, First first, Second second, Rest... rest) {
  return MixSeed(MixSeed(seed, first), second, rest...);
}

// Uniform in (0, 1): never 0, so that its logarithm is finite. 52 random bits.
constexpr double UniformFromBits(std::uint64_t bits) {
  return (static_cast<double>(bits >> 12) + 0.5) * 0x1.0p-52;
}

// A small sequential generator for shuffles and draws; same sequence on every platform.
class Random {
 public:
  explicit Random(Seed seed) : seed_(seed) {}
  std::uint64_t Bits() { return MixSeed(seed_, counter_++); }
  double Uniform() { return UniformFromBits(Bits()); }
  // Uniform in [0, bound). REQUIRES: bound > 0. The bias is below bound / 2^64.
  std::uint64_t Below(std::uint64_t bound) {
    return static_cast<std::uint64_t>((static_cast<unsigned __int128>(Bits()) * bound) >> 64);
  }
  template <class Container>
  void Shuffle(Container& items) {
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[Below(i)]);
  }

 private:
  Seed seed_;
  std::uint64_t counter_ = 0;
};

}  // namespace gradus
