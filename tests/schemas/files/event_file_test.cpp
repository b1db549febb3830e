#include "schemas/files/event_file.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "event.pb.h"
#include "schemas/base/bytes.h"
#include "tests/fakes/temp_folder.h"

using namespace gradus;

namespace {

std::vector<event::Event> Events(const fs::path& folder) {
  std::vector<event::Event> events;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string bytes = ReadFile(entry.path());
    std::size_t at = 0;
    while (at < bytes.size()) {
      std::uint64_t size = 0;
      REQUIRE(bytes.size() - at >= 12);
      std::memcpy(&size, bytes.data() + at, sizeof size);
      REQUIRE(bytes.size() - at - 12 >= size + 4);
      const std::string event = bytes.substr(at + 12, size);
      CHECK(bytes.substr(at, 16 + size) == EventRecord(event));
      REQUIRE(events.emplace_back().ParseFromString(event));
      at += 16 + size;
    }
  }
  return events;
}

}  // namespace

TEST_CASE("Scalars are read back from an event file in order") {
  TempFolder scratch;
  {
    EventFile file(scratch / "log" / "policy", 1000);
    file.Add(1, 1001.5, {{"loss", 2.5}, {"lr", 1e-5}});
    file.Add(2, 1002, {{"loss", std::numeric_limits<double>::quiet_NaN()}});
  }
  const auto events = Events(scratch / "log" / "policy");
  REQUIRE(events.size() == 3);
  CHECK(events[0].file_version() == "brain.Event:2");
  CHECK(events[1].step() == 1);
  CHECK(events[1].wall_time() == 1001.5);
  REQUIRE(events[1].summary().value_size() == 2);
  CHECK(events[1].summary().value(0).tag() == "loss");
  CHECK(events[1].summary().value(0).simple_value() == 2.5f);
  CHECK(events[1].summary().value(1).simple_value() == 1e-5f);
  CHECK(std::isnan(events[2].summary().value(0).simple_value()));
}

TEST_CASE("A value of exactly zero is a value") {
  TempFolder scratch;
  EventFile(scratch / "log", 1000).Add(1, 1001, {{"lr", 0}});
  const event::Scalar scalar = Events(scratch / "log").at(1).summary().value(0);
  CHECK(scalar.value_case() == event::Scalar::kSimpleValue);
  CHECK(scalar.simple_value() == 0);
}

TEST_CASE("The checksums of a record are TensorFlow's masked CRC32C") {
  // Length 0: the CRC32C of eight zero bytes is 0x8c28b28a, that of nothing is 0.
  const std::string record = EventRecord("");
  REQUIRE(record.size() == 16);
  std::uint32_t length_crc = 0, data_crc = 0;
  std::memcpy(&length_crc, record.data() + 8, 4);
  std::memcpy(&data_crc, record.data() + 12, 4);
  const std::uint32_t crc = 0x8c28b28au;
  CHECK(length_crc == ((crc >> 15) | (crc << 17)) + 0xa282ead8u);
  CHECK(data_crc == 0xa282ead8u);
}

TEST_CASE("A folder that cannot be made is an error that names it") {
  TempFolder scratch;
  WriteFileAtomically(scratch / "file", "x");
  CHECK_THROWS_WITH_AS(EventFile(scratch / "file" / "log", 0), doctest::Contains("file"), Error);
}
