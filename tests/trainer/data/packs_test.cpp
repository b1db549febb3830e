#include "trainer/data/packs.h"

#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>
#include <doctest/doctest.h>

#include <algorithm>
#include <new>
#include <numeric>
#include <set>

#include "schemas/base/error.h"
#include "tests/fakes/training_data.h"

namespace gradus {
namespace {

std::vector<std::uint32_t> UpTo(std::size_t count) {
  std::vector<std::uint32_t> rows(count);
  std::iota(rows.begin(), rows.end(), 0u);
  return rows;
}

std::vector<Record> AsRecords(const std::vector<PreferencePair>& pairs) {
  std::vector<Record> records;
  for (const PreferencePair& pair : pairs) records.push_back(PreferenceRecord(pair));
  return records;
}

void CheckEachOnce(const std::vector<Pack>& packs, std::size_t count) {
  std::multiset<std::uint32_t> seen;
  for (const Pack& pack : packs) seen.insert(pack.rows.begin(), pack.rows.end());
  const auto all = UpTo(count);
  CHECK(std::vector<std::uint32_t>(seen.begin(), seen.end()) == all);
}

TEST_CASE(
    "Every item is packed once, no pack overflows, and a new one only opens when none has room") {
  Random random(4);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::int64_t> sizes;
    const auto count = random.Below(40);
    for (std::uint64_t i = 0; i < count; ++i) sizes.push_back(std::int64_t(1 + random.Below(120)));
    const auto packs = FirstFitDecreasing(sizes, 100);
    std::multiset<std::uint32_t> seen;
    std::vector<std::int64_t> totals;
    for (const auto& pack : packs) {
      std::int64_t total = 0;
      for (std::uint32_t item : pack) total += sizes[item];
      CHECK((total <= 100 || pack.size() == 1));
      seen.insert(pack.begin(), pack.end());
      totals.push_back(total);
    }
    CHECK(seen.size() == sizes.size());
    CHECK(std::set<std::uint32_t>(seen.begin(), seen.end()).size() == sizes.size());
    for (std::size_t later = 1; later < packs.size(); ++later) {
      for (std::size_t earlier = 0; earlier < later; ++earlier) {
        CHECK(totals[earlier] + sizes[packs[later][0]] > 100);
      }
    }
    CHECK(FirstFitDecreasing(sizes, 100) == packs);
  }
}

TEST_CASE("Pairs of one prefix share a pack and the prefix, as far as there is room") {
  auto pairs = RandomPairs(12, 3);
  for (std::size_t i : {3u, 7u, 11u}) pairs[i].prefix = pairs[0].prefix;
  pairs[7].chosen = pairs[0].chosen;
  const auto records = AsRecords(pairs);
  const RopeConfig rope;
  const auto packs = PackRecords(records, UpTo(12), rope, 1000);
  REQUIRE(packs.size() == 1);
  CheckEachOnce(packs, 12);
  std::int64_t all = 0;
  for (const PreferencePair& pair : pairs) {
    all += std::int64_t(pair.prefix.size() + pair.chosen.size() + pair.rejected.size());
  }
  const auto saved = std::int64_t(3 * pairs[0].prefix.size() + pairs[0].chosen.size());
  CHECK(packs[0].tokens <= all - saved);
  CHECK(Arrange(records, packs[0], rope).tokens().size() == packs[0].tokens);

  for (std::int64_t capacity : {1, 20, 40}) {
    const auto small = PackRecords(records, UpTo(12), rope, capacity);
    CheckEachOnce(small, 12);
    for (const Pack& pack : small) CHECK((pack.tokens <= capacity || pack.rows.size() == 1));
  }
}

TEST_CASE("Sides whose texts turn by other tables do not share a prefix") {
  RopeConfig rope;
  rope.kind = RopeKind::kLongrope;
  rope.original_positions = 10;
  PreferencePair pair;
  pair.prefix.assign(8, 1);
  pair.chosen = {2, 3};
  pair.rejected = {4, 5, 6};
  const auto tokens = [&] { return Arrange(AsRecords({pair}), {{0}, 0}, rope).tokens().size(); };
  CHECK(tokens() == 8 + 2 + 8 + 3);
  pair.rejected.pop_back();
  CHECK(tokens() == 8 + 2 + 2);
}

TEST_CASE("A side without tokens is scored where the prefix ends, one without a prefix by itself") {
  const RopeConfig rope;
  PreferencePair pair;
  pair.prefix = {1, 2, 3};
  pair.chosen = {4, 5};
  const auto records = AsRecords({pair});
  CHECK(Arrange(records, {{0}, 0}, rope).Targets().rows == std::vector<std::int64_t>{4, 2});
  std::swap(pair.prefix, pair.rejected);
  const auto alone = AsRecords({pair});
  const RecordLayout layout = Arrange(alone, {{0}, 0}, rope);
  CHECK(layout.tokens().segments()[1].parent == -1);
  CHECK(layout.tokens().segments()[1].position == 0);
}

TEST_CASE("A target is predicted by the token before it, be it the last one of the prefix") {
  const RopeConfig rope;
  std::vector<Record> records(2);
  for (Record& record : records) {
    record.prefix = {7, 8};
    TrainingText& text = record.texts.emplace_back();
    text.tokens = {&record == &records[0] ? 3 : 4, 5};
    text.targets = {2, 3};
    text.weights = {0.5, &record == &records[0] ? 1.0 : 2.0};
  }
  const RecordLayout layout = Arrange(records, {{0, 1}, 0}, rope);
  const PackTargets targets = layout.Targets();
  CHECK(layout.tokens().size() == 6);
  CHECK(targets.before == std::vector<std::int64_t>{1, 2, 1, 4});
  CHECK(targets.rows == std::vector<std::int64_t>{2, 3, 4, 5});
  CHECK(targets.tokens == std::vector<std::int64_t>{3, 5, 4, 5});
  CHECK(targets.weights == std::vector<double>{0.5, 1, 0.5, 2});
}

TEST_CASE("Texts that stand alone are packed by their length, each computed for itself") {
  const RopeConfig rope;
  std::vector<Record> records;
  for (int length : {4, 9, 4}) records.push_back(SupervisedRecord(RandomSftRow(length, 1)));
  const auto packs = PackRecords(records, UpTo(3), rope, 10);
  REQUIRE(packs.size() == 2);
  CHECK(packs[0].rows == std::vector<std::uint32_t>{1});
  CHECK(packs[1].rows == std::vector<std::uint32_t>{0, 2});
  CHECK(Arrange(records, packs[1], rope).tokens().size() == 8);
}

TEST_CASE("Memory that runs out in a pack is an error that names the pack and what to lower") {
  const std::vector<Pack> packs = {{{0}, 10}, {{1, 2}, 4000}};
  TrainOptions options;
  options.pack_tokens = 4096;
  const auto message = [&](const auto& fail) {
    try {
      RunPacks(packs, options, {}, [&](const Pack& pack) {
        if (pack.tokens > 10) fail();
      });
    } catch (const Error& error) {
      CHECK(error.code() == ExitCode::kBadInput);
      return std::string(error.what());
    }
    return std::string("no error");
  };
  const std::string expected =
      "out of memory in pack 2 of 2 (4000 tokens in 2 rows): lower pack_tokens (now 4096), or set "
      "recompute: true";
  CHECK(message([] { throw std::bad_alloc(); }) == expected);
  CHECK(message([] { TORCH_CHECK_WITH(OutOfMemoryError, false, "CUDA out of memory"); }) ==
        expected);
  CHECK(message([] {
          TORCH_CHECK(false,
                      "[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: "
                      "can't allocate memory: you tried to allocate 9 bytes.");
        }) == expected);
  CHECK(message([] { at::empty({std::int64_t{1} << 50}); }) == expected);
  options.recompute = true;
  CHECK(message([] { throw std::bad_alloc(); }).find("or max_tokens") != std::string::npos);
  CHECK_THROWS_AS(message([] { TORCH_CHECK(false, "another fault"); }), c10::Error);
  int computed = 0;
  RunPacks({packs[0], packs[0]}, options, {}, [&](const Pack&) { ++computed; });
  CHECK(computed == 2);
}

}  // namespace
}  // namespace gradus
