#include "workers/compute/machine_bounds.h"

#include <cstddef>
#include <vector>

#include "schemas/base/log.h"

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define GRADUS_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define GRADUS_CLONES
#endif

namespace gradus {
namespace {

constexpr double kSeconds = 0.15;  // Of each measurement.
constexpr int kChains = 12, kWidth = 8;

// `rounds` multiply-adds in kChains independent chains of kWidth floats, all in registers.
GRADUS_CLONES float MultiplyAdds(int rounds, float factor) {
  typedef float Lanes __attribute__((vector_size(4 * kWidth)));
  Lanes chain[kChains];
  for (int c = 0; c < kChains; ++c) chain[c] = Lanes{} + static_cast<float>(c);
  for (int i = 0; i < rounds; ++i) {
#pragma GCC unroll 12
    for (int c = 0; c < kChains; ++c) chain[c] = chain[c] * factor + 0.5f;
  }
  // Every lane counts, or the compiler would leave most of them out.
  for (int c = 1; c < kChains; ++c) chain[0] += chain[c];
  float sum = 0;
  for (int lane = 0; lane < kWidth; ++lane) sum += chain[0][lane];
  return sum;
}

GRADUS_CLONES float Sum(const float* values, std::size_t count) {
  typedef float Lanes __attribute__((vector_size(64), aligned(4), may_alias));
  Lanes a{}, b{};
  for (std::size_t i = 0; i + 32 <= count; i += 32) {
    a += *reinterpret_cast<const Lanes*>(values + i);
    b += *reinterpret_cast<const Lanes*>(values + i + 16);
  }
  a += b;
  float sum = 0;
  for (int lane = 0; lane < 16; ++lane) sum += a[lane];
  return sum;
}

// Calls `work` for about kSeconds after one call to warm up; calls per second.
template <class Work>
double RateOf(Work work) {
  volatile float kept = work();
  int calls = 0;
  const double start = MonotonicSeconds();
  double now = start;
  for (; now - start < kSeconds; now = MonotonicSeconds(), ++calls) kept = kept + work();
  return calls / (now - start);
}

}  // namespace

double MeasureFlops() {
  constexpr int kRounds = 100'000;
  volatile float factor = 0.5f;  // Else one call would do for all.
  return RateOf([&] { return MultiplyAdds(kRounds, factor); }) * 2.0 * kRounds * kChains * kWidth;
}

MachineBounds MeasureMachineBounds() {
  MachineBounds bounds;
  bounds.flops = MeasureFlops();
  const std::vector<float> large(std::size_t{64} << 20, 1.0f);  // 256 MiB: beyond any cache.
  bounds.read_bytes = RateOf([&] { return Sum(large.data(), large.size()); }) *
                      static_cast<double>(large.size() * sizeof(float));
  return bounds;
}

}  // namespace gradus
