#include "schemas/files/training_row.h"

#include <doctest/doctest.h>

#include <cmath>

#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "schemas/base/seed.h"
#include "schemas/files/hdf5_file.h"
#include "tests/fakes/temp_folder.h"

namespace gradus {
namespace {

std::vector<std::int32_t> Tokens(Random& random) {
  std::vector<std::int32_t> ids(random.Below(200));
  for (std::int32_t& id : ids) id = static_cast<std::int32_t>(random.Below(150000));
  return ids;
}

RowOrigin Origin(Random& random) {
  const auto number = [&] { return static_cast<std::uint32_t>(random.Below(1000)); };
  return {{number(), Phase::kRolloutHard, number(), number()},
          static_cast<std::int32_t>(random.Below(50)) - 1,
          "id-" + std::to_string(random.Below(99))};
}

std::vector<SftRow> SftRows(std::size_t count, Seed seed) {
  Random random(seed);
  std::vector<SftRow> rows(count);
  for (SftRow& row : rows) {
    row.origin = Origin(random);
    row.mean_q = random.Uniform();
    row.level = random.Below(2) == 0 ? "" : "Level 5";
    row.tokens = Tokens(random);
    row.mask.resize(row.tokens.size());
    for (std::uint8_t& bit : row.mask) bit = static_cast<std::uint8_t>(random.Below(2));
  }
  return rows;
}

std::vector<PreferencePair> Pairs(std::size_t count, Seed seed) {
  Random random(seed);
  std::vector<PreferencePair> pairs(count);
  for (PreferencePair& pair : pairs) {
    pair.chosen_origin = Origin(random);
    pair.rejected_origin = Origin(random);
    pair.prefix = Tokens(random);
    pair.chosen = Tokens(random);
    pair.rejected = Tokens(random);
    pair.n_pos = static_cast<std::uint32_t>(1 + random.Below(3));
    pair.n_neg = static_cast<std::uint32_t>(1 + random.Below(3));
    pair.q_chosen = random.Uniform();
    pair.q_rejected = -random.Uniform();
    pair.final_step = random.Below(2) == 1;
  }
  return pairs;
}

bool Equal(const RowOrigin& a, const RowOrigin& b) {
  return a.key == b.key && a.node == b.node && a.problem_id == b.problem_id;
}

bool Equal(const SftRow& a, const SftRow& b) {
  return Equal(a.origin, b.origin) && a.mean_q == b.mean_q && a.level == b.level &&
         a.tokens == b.tokens && a.mask == b.mask;
}

bool Equal(const PreferencePair& a, const PreferencePair& b) {
  return Equal(a.chosen_origin, b.chosen_origin) && Equal(a.rejected_origin, b.rejected_origin) &&
         a.prefix == b.prefix && a.chosen == b.chosen && a.rejected == b.rejected &&
         a.n_pos == b.n_pos && a.n_neg == b.n_neg && a.q_chosen == b.q_chosen &&
         a.q_rejected == b.q_rejected && a.final_step == b.final_step;
}

template <class Row>
void CheckEqual(const std::vector<Row>& left, const std::vector<Row>& right) {
  REQUIRE(left.size() == right.size());
  for (std::size_t i = 0; i < left.size(); ++i) CHECK(Equal(left[i], right[i]));
}

}  // namespace

TEST_CASE("Training rows survive their file, whatever their number") {
  TempFolder folder;
  for (std::size_t count : {0, 1, 2, 250}) {
    WriteSftRows(folder.path() / "sft.h5", SftRows(count, count));
    CheckEqual(ReadSftRows(folder.path() / "sft.h5"), SftRows(count, count));
    WritePairs(folder.path() / "pairs.h5", Pairs(count, count));
    CheckEqual(ReadPairs(folder.path() / "pairs.h5"), Pairs(count, count));
    CHECK(CountSftRows(folder.path() / "sft.h5") == count);
    CHECK(CountPairs(folder.path() / "pairs.h5") == count);
  }
}

TEST_CASE("Equal rows give equal bytes") {
  TempFolder folder;
  WriteSftRows(folder.path() / "a.h5", SftRows(100, 1));
  WriteSftRows(folder.path() / "b.h5", SftRows(100, 1));
  CHECK(Sha256File(folder.path() / "a.h5") == Sha256File(folder.path() / "b.h5"));
}

TEST_CASE("A flipped byte or a lost end is an error that names the file") {
  TempFolder folder;
  const fs::path path = folder.path() / "rows.h5";
  WriteSftRows(path, SftRows(3, 1));
  const std::string good = ReadFile(path);
  const auto fault = [&](const std::string& bytes) {
    WriteBytes(path, bytes);
    try {
      ReadSftRows(path);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  for (std::size_t at = 0; at < good.size(); at += good.size() / 300 + 1) {
    std::string bytes = good;
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << (at % 8)));
    CHECK(fault(bytes).find("rows.h5") != std::string::npos);
    CHECK(fault(good.substr(0, at)).find("rows.h5") != std::string::npos);
  }
  CHECK(fault(good).empty());
}

TEST_CASE("The two kinds of file are not taken for each other") {
  TempFolder folder;
  WriteSftRows(folder.path() / "sft.h5", SftRows(3, 1));
  WritePairs(folder.path() / "pairs.h5", Pairs(3, 1));
  CHECK_THROWS_AS(ReadPairs(folder.path() / "sft.h5"), Error);
  CHECK_THROWS_AS(ReadSftRows(folder.path() / "pairs.h5"), Error);
  CHECK_THROWS_AS(ReadSftRows(folder.path() / "absent.h5"), Error);
  CHECK_THROWS_AS(CountPairs(folder.path() / "sft.h5"), Error);
  CHECK_THROWS_AS(CountSftRows(folder.path() / "pairs.h5"), Error);
  CHECK_THROWS_AS(CountSftRows(folder.path() / "absent.h5"), Error);
}

TEST_CASE("A count that no column bears out is not believed") {
  TempFolder folder;
  Hdf5Writer out({"gradus.sft", {1, 0}});
  out.SetCount("n_rows", 3);
  out.Put("/rows/mean_q", std::vector<double>(2));
  WriteBytes(folder.path() / "sft.h5", out.Take());
  CHECK_THROWS_AS(CountSftRows(folder.path() / "sft.h5"), Error);
}

TEST_CASE("Rows that make no sense are not written") {
  TempFolder folder;
  const auto refuses_row = [&](auto change) {
    std::vector<SftRow> rows = SftRows(2, 1);
    change(rows[1]);
    CHECK_THROWS_AS(WriteSftRows(folder.path() / "sft.h5", rows), Error);
  };
  refuses_row([](SftRow& row) { row.mask.push_back(1); });
  refuses_row([](SftRow& row) { row.tokens = {-1}, row.mask = {1}; });
  refuses_row([](SftRow& row) { row.tokens = {1}, row.mask = {2}; });
  refuses_row([](SftRow& row) { row.mean_q = std::nan(""); });
  refuses_row([](SftRow& row) { row.origin.node = -2; });
  const auto refuses_pair = [&](auto change) {
    std::vector<PreferencePair> pairs = Pairs(2, 1);
    change(pairs[1]);
    CHECK_THROWS_AS(WritePairs(folder.path() / "pairs.h5", pairs), Error);
  };
  refuses_pair([](PreferencePair& pair) { pair.n_pos = 0; });
  refuses_pair([](PreferencePair& pair) { pair.rejected = {-1}; });
  refuses_pair([](PreferencePair& pair) { pair.q_rejected = std::nan(""); });
  CHECK(fs::is_empty(folder.path()));
}

}  // namespace gradus
