#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "schemas/base/bytes.h"
#include "schemas/base/file.h"
#include "schemas/base/seed.h"
#include "tests/fakes/temp_folder.h"

namespace gradus {

TEST_CASE("CRC32C has the published check value") {
  CHECK(Crc32c("123456789") == 0xE3069283u);
  CHECK(Crc32c("") == 0u);
  CHECK(Crc32c(std::string(32, '\0')) == 0x8A9136AAu);  // RFC 3720, B.4.
  CHECK(Crc32c(std::string(32, '\xff')) == 0x62A8AB43u);
}

TEST_CASE("SHA-256 gives the known answers of FIPS 180") {
  CHECK(Sha256("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(Sha256("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(Sha256(std::string(1000000, 'a')) ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("A file's SHA-256 is that of its bytes, across chunk borders") {
  TempFolder folder;
  for (std::size_t size : {0, 1, 65535, 65536, 65537, 200000}) {
    const std::string bytes(size, 'x');
    WriteFileAtomically(folder.path() / "f", bytes);
    CHECK(Sha256File(folder.path() / "f") == Sha256(bytes));
    CHECK(ReadFile(folder.path() / "f") == bytes);
  }
}

TEST_CASE("An atomic write leaves no temporary file and replaces what was there") {
  TempFolder folder;
  WriteFileAtomically(folder.path() / "f", "old");
  WriteFileAtomically(folder.path() / "f", "new");
  CHECK(ReadFile(folder.path() / "f") == "new");
  std::size_t entries = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator(folder.path())) ++entries;
  CHECK(entries == 1);
}

TEST_CASE("File errors name the path") {
  TempFolder folder;
  const fs::path absent = folder.path() / "absent" / "f";
  for (int attempt = 0; attempt < 3; ++attempt) {
    std::string message;
    try {
      if (attempt == 0) ReadFile(absent);
      if (attempt == 1) WriteFileAtomically(absent, "x");
      if (attempt == 2) Sha256File(absent);
    } catch (const Error& error) {
      message = error.what();
    }
    CHECK(message.find("absent") != std::string::npos);
  }
  WriteFileAtomically(folder.path() / "plain", "x");
  CHECK_THROWS_AS(MakeFolder(folder.path() / "plain"), Error);
  CHECK_THROWS_AS(MakeFolder(folder.path() / "plain" / "below"), Error);
}

TEST_CASE("Bytes read back what was written, and no more") {
  ByteWriter out;
  out.Put(std::uint8_t{7}).Put(-1.5).PutString(std::string("a\0b", 3));
  out.PutArray(std::vector<std::int32_t>{1, -2, 3}).PutArray(std::vector<double>{});
  const std::string bytes = out.bytes();
  ByteReader in(bytes);
  CHECK(in.Get<std::uint8_t>() == 7);
  CHECK(in.Get<double>() == -1.5);
  CHECK(in.GetString() == std::string("a\0b", 3));
  CHECK(in.GetArray<std::int32_t>() == std::vector<std::int32_t>{1, -2, 3});
  CHECK(in.GetArray<double>().empty());
  CHECK(in.AtEnd());
  CHECK_THROWS_AS(in.Get<std::uint8_t>(), Error);
}

TEST_CASE("Bytes are little-endian on every machine") {
  ByteWriter out;
  out.Put(std::uint32_t{0x01020304});
  CHECK(out.bytes() == std::string("\x04\x03\x02\x01", 4));
}

TEST_CASE("A length that is longer than the record is an error, not an allocation") {
  ByteWriter out;
  out.Put(std::uint32_t{0xFFFFFFFF}).Put(std::uint8_t{1});
  CHECK_THROWS_AS(ByteReader(out.bytes()).GetString(), Error);
  CHECK_THROWS_AS(ByteReader(out.bytes()).GetArray<double>(), Error);
}

TEST_CASE("Seeds differ in every part and do not depend on anything else") {
  std::set<Seed> seeds;
  for (std::uint64_t a = 0; a < 40; ++a) {
    for (std::uint64_t b = 0; b < 40; ++b) seeds.insert(MixSeed(1, a, b));
  }
  CHECK(seeds.size() == 1600);
  CHECK(MixSeed(1, std::uint64_t{2}, std::uint64_t{3}) ==
        MixSeed(MixSeed(1, std::uint64_t{2}), std::uint64_t{3}));
  CHECK(MixSeed(1, std::string_view("policy")) != MixSeed(1, std::string_view("ppm")));
  static_assert(MixSeed(0, std::uint64_t{0}) != 0);
}

TEST_CASE("Uniform draws stay inside (0, 1) and have the right mean") {
  CHECK(UniformFromBits(0) > 0);
  CHECK(UniformFromBits(~0ull) < 1);
  Random random(5);
  double sum = 0;
  for (int i = 0; i < 100000; ++i) sum += random.Uniform();
  CHECK(sum / 100000 == doctest::Approx(0.5).epsilon(0.01));
}

TEST_CASE("Below covers its range evenly and never leaves it") {
  Random random(6);
  std::vector<int> counts(7);
  for (int i = 0; i < 70000; ++i) ++counts.at(random.Below(7));
  for (int count : counts) CHECK(std::abs(count - 10000) < 500);
}

TEST_CASE("A shuffle is a permutation and repeats with its seed") {
  std::vector<int> first(100), second(100);
  for (int i = 0; i < 100; ++i) first[i] = second[i] = i;
  Random(9).Shuffle(first);
  Random(9).Shuffle(second);
  CHECK(first == second);
  CHECK(std::set<int>(first.begin(), first.end()).size() == 100);
  CHECK_FALSE(std::is_sorted(first.begin(), first.end()));
}

}  // namespace gradus
