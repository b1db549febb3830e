#include "schemas/base/file.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "schemas/base/error.h"
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

}  // namespace gradus
