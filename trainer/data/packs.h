#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "trainer/data/record_layout.h"
#include "trainer/options.h"

namespace gradus {

// Rows that are computed in one forward and backward pass.
struct Pack {
  std::vector<std::uint32_t> rows;
  std::int64_t tokens = 0;
};

// Most tokens of a pack.
std::int64_t PackCapacity(const TrainOptions& options);

// First-fit decreasing (Johnson 1973): each item, longest first, goes to the first pack with room.
// An item beyond the capacity has a pack of its own. Returns item numbers by pack; a function of
// the sizes alone.
std::vector<std::vector<std::uint32_t>> FirstFitDecreasing(const std::vector<std::int64_t>& sizes,
                                                           std::int64_t capacity);

// The picked records in packs. Those with one prefix come into one pack as far as they fit: it is
// computed once for all.
std::vector<Pack> PackRecords(const std::vector<Record>& records,
                              const std::vector<std::uint32_t>& picked, const RopeConfig& rope,
                              std::int64_t capacity);

// The records of a pack for one forward pass.
RecordLayout Arrange(const std::vector<Record>& records, const Pack& pack, const RopeConfig& rope);

// Calls `compute` for one pack after another, `before_last` (if any) before the last. When memory
// runs out in one, throws Error that names the pack, its tokens and the options that lower its
// need.
void RunPacks(const std::vector<Pack>& packs, const TrainOptions& options,
              const std::function<void()>& before_last,
              const std::function<void(const Pack&)>& compute);

}  // namespace gradus
