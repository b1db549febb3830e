#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>

// One binary for all x86-64 machines: the loader picks the clone for the machine at hand, the same
// one for every row.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define GRADUS_CLONES __attribute__((target_clones("arch=x86-64-v3", "default"), flatten))
#else
#define GRADUS_CLONES
#endif
#define GRADUS_INLINE inline __attribute__((always_inline))

// Eight floats at a time, for the files that hold kernels (compiled with -Wno-psabi: these values
// never cross a function border there).
namespace gradus {

typedef float Lanes __attribute__((vector_size(32), aligned(32)));
typedef float LooseLanes __attribute__((vector_size(32), aligned(4), may_alias));
typedef std::int32_t IntLanes __attribute__((vector_size(32)));

GRADUS_INLINE Lanes Load(const float* at) { return *reinterpret_cast<const LooseLanes*>(at); }
GRADUS_INLINE void Store(float* at, Lanes value) { *reinterpret_cast<LooseLanes*>(at) = value; }
GRADUS_INLINE Lanes Splat(float value) {
  const Lanes one = {value};
  return __builtin_shufflevector(one, one, 0, 0, 0, 0, 0, 0, 0, 0);
}

// e^x within 2 units in the last place for x ≤ 88; below -87 the smallest normal numbers.
GRADUS_INLINE Lanes Exp(Lanes x) {
  x = x < Splat(-87.0f) ? Splat(-87.0f) : x;
  x = x > Splat(88.0f) ? Splat(88.0f) : x;
  const Lanes magic = Splat(12582912.0f);  // 1.5 · 2^23: adding it rounds to an integer.
  const Lanes n = (x * Splat(1.44269504088896341f) + magic) - magic;
  const Lanes r = (x - n * Splat(0.693359375f)) - n * Splat(-2.12194440e-4f);
  Lanes p = Splat(1.9875691500e-4f);
  p = p * r + Splat(1.3981999507e-3f);
  p = p * r + Splat(8.3334519073e-3f);
  p = p * r + Splat(4.1665795894e-2f);
  p = p * r + Splat(1.6666665459e-1f);
  p = p * r + Splat(5.0000001201e-1f);
  p = p * (r * r) + r + Splat(1.0f);
  const IntLanes exponent = (__builtin_convertvector(n, IntLanes) + 127) << 23;
  Lanes scale;
  std::memcpy(&scale, &exponent, sizeof scale);
  return p * scale;
}

GRADUS_INLINE float SumLanes(Lanes v) {
  return ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]));
}

GRADUS_INLINE float MaximumOf(const float* x, int size) {
  Lanes best = Splat(-std::numeric_limits<float>::infinity());
  int i = 0;
  for (; i + 8 <= size; i += 8) {
    const Lanes v = Load(x + i);
    best = v > best ? v : best;
  }
  float most = -std::numeric_limits<float>::infinity();
  for (int j = 0; j < 8; ++j) most = std::max(most, best[j]);
  for (; i < size; ++i) most = std::max(most, x[i]);
  return most;
}

}  // namespace gradus
