#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "schemas/base/handle.h"

namespace gradus {

namespace fs = std::filesystem;

struct FdTraits {
  using Type = int;
  static int Null() { return -1; }
  static void Close(int fd) noexcept;
};
using Fd = Handle<FdTraits>;

// Whole file as bytes; throws Error naming the path.
std::string ReadFile(const fs::path& path);

// Atomic publication: temporary name in the same folder, write, fsync, rename, fsync of the folder.
// A reader sees the old file or the whole new one. Throws Error naming path and reason (disk full
// ...).
void WriteFileAtomically(const fs::path& path, std::string_view bytes);

// The second half of the above for a file that somebody else wrote under `temporary`.
void PublishFile(const fs::path& temporary, const fs::path& path);

// fsync of a folder, so that renames inside it are durable.
void SyncFolder(const fs::path& folder);

// Creates the folder and its parents; throws Error naming it when that is not possible.
void MakeFolder(const fs::path& folder);

// Lower-case hex SHA-256.
std::string Sha256(std::string_view bytes);
std::string Sha256File(const fs::path& path);

// CRC32C (Castagnoli) of a byte string.
std::uint32_t Crc32c(std::string_view bytes);

}  // namespace gradus
