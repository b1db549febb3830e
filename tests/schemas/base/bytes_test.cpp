#include "schemas/base/bytes.h"

#include <doctest/doctest.h>

namespace gradus {

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

}  // namespace gradus
