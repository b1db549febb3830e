#include "workers/models/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

#include "schemas/base/error.h"
#include "workers/models/config_file.h"

namespace gradus {
namespace {

RopeKind KindOf(const ConfigFile& section) {
  const char* key = section.Has("rope_type") ? "rope_type" : "type";
  if (!section.Has(key)) return RopeKind::kDefault;
  const std::string name = section.Text(key);
  if (name == "default") return RopeKind::kDefault;
  if (name == "linear") return RopeKind::kLinear;
  if (name == "llama3") return RopeKind::kLlama3;
  if (name == "yarn") return RopeKind::kYarn;
  if (name == "longrope" || name == "su") return RopeKind::kLongrope;
  Fail("{}: {} {} is not supported (default, linear, llama3, yarn, longrope are)", section.where(),
       key, name);
}

void ReadLongrope(const ConfigFile& section, int max_positions, RopeConfig& rope) {
  for (const auto& [key, list] : {std::pair("short_factor", &rope.short_factors),
                                  std::pair("long_factor", &rope.long_factors)}) {
    *list = section.PositiveReals(key);
    if (list->size() * 2 != static_cast<std::size_t>(rope.dims)) {
      Fail("{}: {} must have {} entries", section.where(), key, rope.dims / 2);
    }
  }
  const double ratio = static_cast<double>(max_positions) / rope.original_positions;
  rope.factor = section.PositiveReal("factor", ratio);
  const double extension =
      std::sqrt(1 + std::log(rope.factor) / std::log(double(rope.original_positions)));
  rope.attention_factor =
      section.PositiveReal("attention_factor", rope.factor <= 1 ? 1 : extension);
}

double YarnScale(double factor, double mscale) {
  return factor <= 1 ? 1 : 0.1 * mscale * std::log(factor) + 1;
}

void ReadYarn(const ConfigFile& section, int max_positions, RopeConfig& rope) {
  rope.factor = section.PositiveReal("factor", double(max_positions) / rope.original_positions);
  rope.beta_fast = section.PositiveReal("beta_fast", 32);
  rope.beta_slow = section.PositiveReal("beta_slow", 1);
  rope.truncate = section.Flag("truncate", true);
  double scale = YarnScale(rope.factor, 1);
  if (section.Has("mscale") && section.Has("mscale_all_dim")) {
    scale = YarnScale(rope.factor, section.PositiveReal("mscale")) /
            YarnScale(rope.factor, section.PositiveReal("mscale_all_dim"));
  }
  rope.attention_factor = section.PositiveReal("attention_factor", scale);
}

// The parameters that extend the context: `section` says how, `file` may hold the original context.
void ReadScaling(const ConfigFile& file, const ConfigFile& section, int max_positions,
                 RopeConfig& rope) {
  constexpr const char* kOriginal = "original_max_position_embeddings";
  rope.kind = KindOf(section);
  if (rope.kind == RopeKind::kDefault) return;
  rope.original_positions = file.Has(kOriginal)      ? file.Positive(kOriginal)
                            : section.Has(kOriginal) ? section.Positive(kOriginal)
                                                     : max_positions;
  switch (rope.kind) {
    case RopeKind::kLongrope:
      return ReadLongrope(section, max_positions, rope);
    case RopeKind::kYarn:
      return ReadYarn(section, max_positions, rope);
    case RopeKind::kLlama3:
      rope.low_frequency = section.PositiveReal("low_freq_factor");
      rope.high_frequency = section.PositiveReal("high_freq_factor");
      if (rope.high_frequency <= rope.low_frequency) {
        Fail("{}: high_freq_factor must be above low_freq_factor", section.where());
      }
      [[fallthrough]];
    default:
      rope.factor = section.PositiveReal("factor");
  }
}

// Keeps high frequencies, divides low ones by the factor, and blends between (Llama 3.1).
double Llama3Frequency(const RopeConfig& rope, double frequency) {
  const double turns = rope.original_positions * frequency / (2 * std::numbers::pi);
  if (turns < rope.low_frequency) return frequency / rope.factor;
  if (turns > rope.high_frequency) return frequency;
  const double share = (turns - rope.low_frequency) / (rope.high_frequency - rope.low_frequency);
  return (1 - share) * frequency / rope.factor + share * frequency;
}

// YaRN (arXiv 2309.00071, section 3.2): the ramp over dimensions between the two rotation counts.
double YarnFrequency(const RopeConfig& rope, int pair, double frequency) {
  const auto border = [&](double rotations) {
    return rope.dims * std::log(rope.original_positions / (rotations * 2 * std::numbers::pi)) /
           (2 * std::log(rope.theta));
  };
  double low = border(rope.beta_fast), high = border(rope.beta_slow);
  if (rope.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, double(rope.dims - 1));
  if (low == high) high += 0.001;
  const double ramp = std::clamp((pair - low) / (high - low), 0.0, 1.0);
  return frequency / rope.factor * ramp + frequency * (1 - ramp);
}

}  // namespace

RopeConfig ReadRope(const ConfigFile& file, int head_dim, int max_positions) {
  RopeConfig rope;
  // Each transformers version writes the same under other keys; where both are there the newer
  // counts.
  const bool newer = file.Has("rope_parameters");
  const ConfigFile top = newer ? file.Section("rope_parameters") : file;
  if (!top.Has("rope_theta") && !file.Has("rope_theta")) {
    Fail("{}: neither rope_theta nor rope_parameters.rope_theta is there", file.where());
  }
  rope.theta = (top.Has("rope_theta") ? top : file).PositiveReal("rope_theta");
  const ConfigFile& partial = top.Has("partial_rotary_factor") ? top : file;
  rope.dims = static_cast<int>(head_dim * partial.PositiveReal("partial_rotary_factor", 1));
  if (rope.dims < 2 || rope.dims % 2 != 0 || rope.dims > head_dim) {
    Fail("{}: {} of {} head dimensions cannot turn in pairs", file.where(), rope.dims, head_dim);
  }
  if (newer) {
    ReadScaling(file, top, max_positions, rope);
  } else if (file.Has("rope_scaling")) {
    ReadScaling(file, file.Section("rope_scaling"), max_positions, rope);
  }
  return rope;
}

std::vector<float> RopeFrequencies(const RopeConfig& rope, int table) {
  std::vector<float> frequencies;
  for (int i = 0; i < rope.dims / 2; ++i) {
    const double plain = 1.0 / std::pow(rope.theta, 2.0 * i / rope.dims);
    const auto pair = static_cast<std::size_t>(i);
    double frequency = plain;
    switch (rope.kind) {
      case RopeKind::kDefault:
        break;
      case RopeKind::kLinear:
        frequency = plain / rope.factor;
        break;
      case RopeKind::kLlama3:
        frequency = Llama3Frequency(rope, plain);
        break;
      case RopeKind::kYarn:
        frequency = YarnFrequency(rope, i, plain);
        break;
      case RopeKind::kLongrope:
        frequency = plain / (table == 1 ? rope.long_factors : rope.short_factors)[pair];
        break;
    }
    frequencies.push_back(static_cast<float>(frequency));
  }
  return frequencies;
}

void FillRotations(const RopeConfig& rope, int table, int length, float* cos, float* sin) {
  const std::vector<float> frequencies = RopeFrequencies(rope, table);
  const auto scale = static_cast<float>(rope.attention_factor);
  for (int t = 0; t < length; ++t) {
    for (const float frequency : frequencies) {
      const float angle = static_cast<float>(t) * frequency;
      *cos++ = std::cos(angle) * scale;
      *sin++ = std::sin(angle) * scale;
    }
  }
}

}  // namespace gradus
