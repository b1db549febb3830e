#pragma once
#include <cstdint>
#include <vector>

namespace gradus {

class ConfigFile;

enum class RopeKind : std::uint8_t { kDefault, kLinear, kLlama3, kYarn, kLongrope };

// How positions turn queries and keys (rotary embedding, rotate-half), with the context extensions
// that Hugging Face checkpoints use.
struct RopeConfig {
  RopeKind kind = RopeKind::kDefault;
  double theta = 10000;
  int dims = 32;                // Leading dimensions of a head that turn; even.
  double factor = 1;            // Context extension.
  double attention_factor = 1;  // Multiplies cosines and sines.
  int original_positions = 0;   // kLlama3, kYarn, kLongrope: context before the extension.
  double low_frequency = 1, high_frequency = 4;     // kLlama3.
  double beta_fast = 32, beta_slow = 1;             // kYarn.
  bool truncate = true;                             // kYarn: whole-numbered ramp borders.
  std::vector<double> short_factors, long_factors;  // kLongrope: [dims / 2].

  // Longrope alone turns sequences by their total length: another table beyond the original
  // context. 0 or 1.
  int TableOf(int sequence_length) const {
    return kind == RopeKind::kLongrope && sequence_length > original_positions ? 1 : 0;
  }
  int tables() const { return kind == RopeKind::kLongrope ? 2 : 1; }
};

// Reads rope_parameters (transformers 5), or rope_theta and rope_scaling (transformers 4), for
// heads of `head_dim` in a model of `max_positions`.
RopeConfig ReadRope(const ConfigFile& file, int head_dim, int max_positions);

// Radians per position of each pair of dimensions, [dims / 2].
std::vector<float> RopeFrequencies(const RopeConfig& rope, int table);

// Cosines and sines of positions [0, length): entry [t · dims / 2 + i].
void FillRotations(const RopeConfig& rope, int table, int length, float* cos, float* sin);

}  // namespace gradus
