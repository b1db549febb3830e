#pragma once
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "schemas/base/seed.h"
#include "schemas/files/training_row.h"
#include "workers/models/hf_folder.h"

namespace gradus {

// Token ids used below stay under this; the byte vocabulary is larger.
constexpr int kTestTokens = 40;

inline void MakeTinyModel(const std::filesystem::path& folder) {
  RandomModelOptions options;
  options.hidden_size = 32;
  options.intermediate_size = 48;
  options.num_layers = 2;
  options.num_heads = 4;
  options.num_kv_heads = 2;
  options.max_positions = 64;
  MakeRandomModel(folder, options, {}, 17);
}

inline std::vector<std::int32_t> RandomTokens(int length, Random& random) {
  std::vector<std::int32_t> tokens;
  for (int i = 0; i < length; ++i) tokens.push_back(std::int32_t(random.Below(kTestTokens)));
  return tokens;
}

// The second half is supervised.
inline SftRow RandomSftRow(int length, Seed seed) {
  Random random(seed);
  SftRow row;
  row.level = std::to_string(1 + random.Below(3));
  row.tokens = RandomTokens(length, random);
  for (int i = 0; i < length; ++i) row.mask.push_back(i >= length / 2);
  return row;
}

inline std::vector<SftRow> RandomSftRows(int count, Seed seed) {
  std::vector<SftRow> rows;
  for (int i = 0; i < count; ++i) {
    const Seed own = MixSeed(seed, std::uint64_t(i));
    rows.push_back(RandomSftRow(int(4 + Random(own).Below(20)), own));
  }
  return rows;
}

// A planted rule: the side that ends in an even token is better.
inline std::vector<PreferencePair> RandomPairs(int count, Seed seed) {
  std::vector<PreferencePair> pairs;
  for (int i = 0; i < count; ++i) {
    Random random(MixSeed(seed, std::uint64_t(i)));
    PreferencePair& pair = pairs.emplace_back();
    pair.prefix = RandomTokens(int(2 + random.Below(8)), random);
    pair.chosen = RandomTokens(int(1 + random.Below(6)), random);
    pair.rejected = RandomTokens(int(1 + random.Below(6)), random);
    pair.chosen.back() &= ~1;
    pair.rejected.back() |= 1;
  }
  return pairs;
}

// The same pairs with sides exchanged by the toss of a coin.
inline std::vector<PreferencePair> ShuffleLabels(std::vector<PreferencePair> pairs, Seed seed) {
  Random random(seed);
  for (PreferencePair& pair : pairs) {
    if (random.Below(2) == 0) std::swap(pair.chosen, pair.rejected);
  }
  return pairs;
}

}  // namespace gradus
