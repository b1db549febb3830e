#pragma once
#include <compare>
#include <cstddef>
#include <string>

#include "schemas/ids.h"

namespace gradus {

// One keyed part of a round, e.g. {1, "rollout"}, {1, "hard2"}, {0, "evaluate"}: the unit of
// dispatch and of shards. Phases without keys ("select", "train_policy") are named the same way.
struct PartId {
  RoundIndex round = 0;
  std::string name;
  auto operator<=>(const PartId&) const = default;
};

// "rollout-000003.h5": names sort as the shards do.
std::string ShardName(const std::string& part, std::size_t index);
// The part that a shard's file name begins with.
std::string PartOfShard(const std::string& file);

}  // namespace gradus
