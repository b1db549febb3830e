#pragma once
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "schemas/base/seed.h"

namespace gradus {

// Rounds count from 1; round 0 is the bootstrap.
using RoundIndex = int;

// Phases of a round that produce keyed results. The values are stored in files: append only.
enum class Phase : std::uint8_t {
  kRollout = 1,      // First search of every problem.
  kRolloutHard = 2,  // Extra budget: attempts 1, 2, … of the problems still unsolved.
  kEvaluate = 3,     // Held-out problems; `attempt` encodes the method (see evaluation).
};

// Names one unit of rollout work and everything derived from it: its lease, its result, its seed.
struct Key {
  std::uint32_t round = 0;
  Phase phase = Phase::kRollout;
  std::uint32_t problem = 0;  // Index into the phase's problem file.
  std::uint32_t attempt = 0;
  auto operator<=>(const Key&) const = default;
};

inline Seed SeedOf(Seed run_seed, const Key& key) {
  return MixSeed(run_seed, std::uint64_t{key.round}, static_cast<std::uint64_t>(key.phase),
                 std::uint64_t{key.problem}, std::uint64_t{key.attempt});
}

// "r1/rollout/p17/a0".
std::string ToString(const Key& key);
std::string ToString(Phase phase);
// The inverses; throw Error naming the text.
Key ParseKey(std::string_view text);
Phase ParsePhase(std::string_view text);
bool IsPhase(std::uint8_t value);

}  // namespace gradus
