#include "schemas/files/ledger.h"

#include <doctest/doctest.h>

#include "schemas/base/error.h"
#include "schemas/base/seed.h"
#include "tests/fakes/heap.h"
#include "tests/fakes/temp_folder.h"

namespace gradus {
namespace {

using Payloads = std::vector<std::string>;

void Ignore(const Record&) {}

Payloads Replay(const fs::path& folder, std::uint64_t* torn = nullptr) {
  Payloads payloads;
  const std::uint64_t ignored =
      ReplayLedger(folder, [&](const Record& record) { payloads.push_back(record.payload); });
  if (torn != nullptr) *torn = ignored;
  return payloads;
}

// Writes `count` records of random bytes in one opening of the ledger.
Payloads Write(const fs::path& folder, int count, Seed seed) {
  Ledger ledger(folder, Ignore);
  Random random(seed);
  Payloads written;
  for (int i = 0; i < count; ++i) {
    std::string payload;
    for (std::uint64_t n = random.Below(200); n > 0; --n) {
      payload.push_back(static_cast<char>(random.Below(256)));
    }
    ledger.Append(RecordKind::kResult, payload);
    written.push_back(payload);
  }
  ledger.Sync();
  CHECK(ledger.appended() == ledger.synced());
  return written;
}

bool IsPrefix(const Payloads& part, const Payloads& whole) {
  return part.size() <= whole.size() && std::equal(part.begin(), part.end(), whole.begin());
}

Payloads operator+(Payloads left, const Payloads& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

}  // namespace

TEST_CASE("A ledger replays every record in order, over all of its openings") {
  TempFolder folder;
  Payloads all;
  for (Seed opening = 0; opening < 4; ++opening) {
    all = all + Write(folder.path(), 20, opening);
    CHECK(Replay(folder.path()) == all);
  }
  CHECK(fs::exists(folder.path() / "000004.log"));
  Payloads seen;
  const Ledger ledger(folder.path(), [&](const Record& r) { seen.push_back(r.payload); });
  CHECK(seen == all);
}

TEST_CASE("Nothing is on disk before Sync") {
  TempFolder folder;
  Ledger ledger(folder.path(), Ignore);
  ledger.Append(RecordKind::kRunStarted, "{}");
  CHECK(Replay(folder.path()).empty());
  CHECK(ledger.synced() == 0);
  ledger.Sync();
  CHECK(Replay(folder.path()) == Payloads{"{}"});
  CHECK(ledger.synced() == 1);
}

TEST_CASE("A torn tail is cut once, loses only the torn record and is reported to readers") {
  const std::size_t kRecords = 5;
  TempFolder whole;
  const Payloads written = Write(whole.path(), kRecords, 1);
  const std::string bytes = ReadFile(whole.path() / "000001.log");
  for (std::size_t size = 0; size < bytes.size(); size += 3) {
    TempFolder folder;
    WriteBytes(folder.path() / "000001.log", bytes.substr(0, size));
    std::uint64_t torn = 0;
    const Payloads before = Replay(folder.path(), &torn);
    CHECK(IsPrefix(before, written));
    CHECK(before.size() < kRecords);
    const Payloads added = Write(folder.path(), 2, 9);
    CHECK(fs::file_size(folder.path() / "000001.log") == size - torn);
    CHECK(Replay(folder.path(), &torn) == before + added);
    CHECK(torn == 0);
  }
}

TEST_CASE("A tail of zeros or noise, as a lost write leaves it, is cut") {
  Random random(4);
  for (int attempt = 0; attempt < 20; ++attempt) {
    TempFolder folder;
    const Payloads written = Write(folder.path(), 5, 2);
    std::string tail(1 + random.Below(3000), '\0');
    if (attempt % 2 == 1) {
      for (char& c : tail) c = static_cast<char>(random.Below(256));
    }
    const fs::path file = folder.path() / "000001.log";
    WriteBytes(file, ReadFile(file) + tail);
    CHECK(Replay(folder.path()) == written);
    const Payloads added = Write(folder.path(), 1, 3);
    CHECK(Replay(folder.path()) == written + added);
  }
}

TEST_CASE("A flipped byte in an older file is an error that names it") {
  TempFolder folder;
  Write(folder.path(), 5, 1);
  Write(folder.path(), 5, 2);
  const fs::path file = folder.path() / "000001.log";
  const std::string good = ReadFile(file);
  for (std::size_t at = 0; at < good.size(); ++at) {
    std::string bytes = good;
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << (at % 8)));
    WriteBytes(file, bytes);
    std::string message;
    try {
      Replay(folder.path());
    } catch (const Error& error) {
      message = error.what();
    }
    CHECK(message.find("000001.log") != std::string::npos);
    CHECK_THROWS_AS(Ledger(folder.path(), Ignore), Error);
  }
}

TEST_CASE("A flipped byte in the newest file is an error, not a torn tail") {
  TempFolder folder;
  Write(folder.path(), 6, 1);
  const fs::path file = folder.path() / "000001.log";
  const std::string good = ReadFile(file);
  for (std::size_t at = 0; at < good.size(); ++at) {
    std::string bytes = good;
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << (at % 8)));
    WriteBytes(file, bytes);
    CHECK_THROWS_AS(Replay(folder.path()), Error);
  }
}

TEST_CASE("A shortened older file is an error unless it ends between two records") {
  TempFolder folder;
  const Payloads written = Write(folder.path(), 3, 1);
  Write(folder.path(), 1, 2);
  const fs::path file = folder.path() / "000001.log";
  const std::string good = ReadFile(file);
  WriteBytes(file, good.substr(0, good.size() - 1));
  CHECK_THROWS_AS(Replay(folder.path()), Error);
}

TEST_CASE("A missing file between two others is an error that names it") {
  TempFolder folder;
  for (Seed opening = 0; opening < 3; ++opening) Write(folder.path(), 1, opening);
  fs::remove(folder.path() / "000002.log");
  std::string message;
  try {
    Replay(folder.path());
  } catch (const Error& error) {
    message = error.what();
  }
  CHECK(message.find("000002.log") != std::string::npos);
}

TEST_CASE("Reading survives files of pure garbage") {
  Random random(8);
  for (int attempt = 0; attempt < 50; ++attempt) {
    TempFolder folder;
    std::string bytes(random.Below(5000), '\0');
    for (char& c : bytes) c = static_cast<char>(random.Below(attempt % 2 == 0 ? 256 : 4));
    WriteBytes(folder.path() / "000001.log", bytes);
    CHECK(Replay(folder.path()).empty());
    WriteBytes(folder.path() / "000002.log", "");
    if (!bytes.empty()) CHECK_THROWS_AS(Replay(folder.path()), Error);
  }
  TempFolder folder;
  CHECK_THROWS_AS(ReplayLedger(folder.path() / "absent", Ignore), Error);
  CHECK(Replay(folder.path()).empty());
}

TEST_CASE("Memory while a ledger is replayed does not grow with its length") {
  const auto peak = [](int records) {
    TempFolder folder;
    {
      Ledger ledger(folder.path(), Ignore);
      const std::string payload(1 << 20, 'r');
      for (int i = 0; i < records; ++i) {
        ledger.Append(RecordKind::kResult, payload);
        ledger.Sync();
      }
    }
    HeapGrowth heap;
    int seen = 0;
    ReplayLedger(folder.path(), [&](const Record&) {
      ++seen;
      heap.Look();
    });
    CHECK(seen == records);
    return heap.peak();
  };
  CHECK(peak(48) < peak(6) + (1u << 20));
}

}  // namespace gradus
