#include "trainer/data/packs.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <map>
#include <new>
#include <numeric>
#include <string_view>

#include "schemas/base/error.h"

namespace gradus {
namespace {

using Rows = std::vector<std::uint32_t>;

std::vector<Pack> Join(const std::vector<Pack>& parts, std::int64_t capacity) {
  std::vector<std::int64_t> sizes;
  for (const Pack& part : parts) sizes.push_back(part.tokens);
  std::vector<Pack> packs;
  for (const auto& items : FirstFitDecreasing(sizes, capacity)) {
    Pack& pack = packs.emplace_back();
    for (std::uint32_t item : items) {
      const Pack& part = parts[item];
      pack.rows.insert(pack.rows.end(), part.rows.begin(), part.rows.end());
      pack.tokens += part.tokens;
    }
  }
  return packs;
}

[[noreturn]] void FailForMemory(const std::vector<Pack>& packs, std::size_t index,
                                const TrainOptions& options) {
  const Pack& pack = packs[index];
  Fail("out of memory in pack {} of {} ({} tokens in {} rows): lower pack_tokens (now {}){}",
       index + 1, packs.size(), pack.tokens, pack.rows.size(), PackCapacity(options),
       options.recompute ? " or max_tokens" : ", or set recompute: true");
}

// ATen's host allocator has no error type of its own.
bool IsAboutMemory(const c10::Error& error) {
  return std::string_view(error.what()).find("can't allocate memory") != std::string_view::npos;
}

}  // namespace

std::int64_t PackCapacity(const TrainOptions& options) {
  return options.pack_tokens > 0 ? options.pack_tokens : options.max_tokens;
}

std::vector<Rows> FirstFitDecreasing(const std::vector<std::int64_t>& sizes,
                                     std::int64_t capacity) {
  Rows order(sizes.size());
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return sizes[a] > sizes[b]; });
  std::vector<Rows> packs;
  std::vector<std::int64_t> room;
  for (std::uint32_t item : order) {
    const auto found = std::find_if(room.begin(), room.end(),
                                    [&](std::int64_t left) { return left >= sizes[item]; });
    const auto pack = std::size_t(found - room.begin());
    if (found == room.end()) {
      packs.emplace_back();
      room.push_back(capacity);
    }
    packs[pack].push_back(item);
    room[pack] -= sizes[item];
  }
  return packs;
}

std::vector<Pack> PackRecords(const std::vector<Record>& records, const Rows& picked,
                              const RopeConfig& rope, std::int64_t capacity) {
  std::map<std::vector<std::int32_t>, Rows> by_prefix;
  std::vector<Pack> parts;
  for (std::uint32_t row : picked) {
    if (records[row].IsSingle()) {
      parts.push_back({{row}, std::int64_t(records[row].texts[0].tokens.size())});
    } else {
      by_prefix[records[row].prefix].push_back(row);
    }
  }
  for (const auto& [prefix, rows] : by_prefix) {
    RecordLayout layout(rope);
    Pack part;
    for (std::uint32_t row : rows) {
      RecordLayout longer = layout;
      longer.Add(records[row]);
      if (!part.rows.empty() && longer.tokens().size() > capacity) {
        parts.push_back(std::move(part));
        part = {};
        longer = RecordLayout(rope);
        longer.Add(records[row]);
      }
      part.rows.push_back(row);
      part.tokens = longer.tokens().size();
      layout = std::move(longer);
    }
    parts.push_back(std::move(part));
  }
  return Join(parts, capacity);
}

RecordLayout Arrange(const std::vector<Record>& records, const Pack& pack, const RopeConfig& rope) {
  RecordLayout layout(rope);
  for (std::uint32_t row : pack.rows) layout.Add(records[row]);
  return layout;
}

void RunPacks(const std::vector<Pack>& packs, const TrainOptions& options,
              const std::function<void()>& before_last,
              const std::function<void(const Pack&)>& compute) {
  for (std::size_t i = 0; i < packs.size(); ++i) {
    if (before_last && i + 1 == packs.size()) before_last();
    try {
      compute(packs[i]);
    } catch (const std::bad_alloc&) {
      FailForMemory(packs, i, options);
    } catch (const c10::OutOfMemoryError&) {
      FailForMemory(packs, i, options);
    } catch (const c10::Error& error) {
      if (!IsAboutMemory(error)) throw;
      FailForMemory(packs, i, options);
    }
  }
}

}  // namespace gradus
