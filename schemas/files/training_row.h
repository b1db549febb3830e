#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "schemas/ids.h"

namespace gradus {

// Where a row came from: a node of a published tree, or a line of the demonstrations.
struct RowOrigin {
  Key key;                 // round 0: demonstrations, `problem` is the line index.
  std::int32_t node = -1;  // Leaf (SFT) or the side's last node (pairs).
  std::string problem_id;
};

// One supervised sequence: loss on tokens whose mask is 1.
struct SftRow {
  RowOrigin origin;
  double mean_q = 0;
  std::string level;
  std::vector<std::int32_t> tokens;  // Prompt + response + EOS.
  std::vector<std::uint8_t> mask;    // Same length; mask[i] == 1: token i is a target.
};

// One preference pair: two sequences with a shared prefix; the PPM scores the last token of each.
struct PreferencePair {
  RowOrigin chosen_origin, rejected_origin;
  std::vector<std::int32_t> prefix;  // Prompt and shared steps.
  std::vector<std::int32_t> chosen;  // Continuation of the prefix that should score higher.
  std::vector<std::int32_t> rejected;
  std::uint32_t n_pos = 1, n_neg = 1;  // Loss weight 1 / (n_pos · n_neg).
  double q_chosen = 0, q_rejected = 0;
  bool final_step = false;  // Trajectory pair of the answer step.
};

// HDF5 files selection/sft.h5 and selection/pairs.h5; written atomically, checked on reading.
void WriteSftRows(const std::filesystem::path& path, const std::vector<SftRow>& rows);
std::vector<SftRow> ReadSftRows(const std::filesystem::path& path);
void WritePairs(const std::filesystem::path& path, const std::vector<PreferencePair>& pairs);
std::vector<PreferencePair> ReadPairs(const std::filesystem::path& path);
// How many rows such a file has, without unpacking them.
std::uint64_t CountSftRows(const std::filesystem::path& path);
std::uint64_t CountPairs(const std::filesystem::path& path);

}  // namespace gradus
