#include "schemas/base/seed.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <vector>

namespace gradus {

TEST_CASE("Seeds differ in every part and do not depend on anything else") {
  std::set<Seed> seeds;
  for (std::uint64_t a = 0; a < 40; ++a) {
    for (std::uint64_t b = 0; b < 40; ++b) seeds.insert(MixSeed(1, a, b));
  }
  CHECK(seeds.size() == 1600);
  CHECK(MixSeed(1, std::uint64_t{2}, std::uint64_t{3}) ==
        MixSeed(MixSeed(1, std::uint64_t{2}), std::uint64_t{3}));
  CHECK(MixSeed(1, std::string_view("policy")) != MixSeed(1, std::string_view("ppm")));
  static_assert(MixSeed(0, std::uint64_t{0}) != 0);
}

TEST_CASE("Uniform draws stay inside (0, 1) and have the right mean") {
  CHECK(UniformFromBits(0) > 0);
  CHECK(UniformFromBits(~0ull) < 1);
  Random random(5);
  double sum = 0;
  for (int i = 0; i < 100000; ++i) sum += random.Uniform();
  CHECK(sum / 100000 == doctest::Approx(0.5).epsilon(0.01));
}

TEST_CASE("Below covers its range evenly and never leaves it") {
  Random random(6);
  std::vector<int> counts(7);
  for (int i = 0; i < 70000; ++i) ++counts.at(random.Below(7));
  for (int count : counts) CHECK(std::abs(count - 10000) < 500);
}

TEST_CASE("A shuffle is a permutation and repeats with its seed") {
  std::vector<int> first(100), second(100);
  for (int i = 0; i < 100; ++i) first[i] = second[i] = i;
  Random(9).Shuffle(first);
  Random(9).Shuffle(second);
  CHECK(first == second);
  CHECK(std::set<int>(first.begin(), first.end()).size() == 100);
  CHECK_FALSE(std::is_sorted(first.begin(), first.end()));
}

}  // namespace gradus
