#include "schemas/base/file.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "schemas/base/error.h"
#include "schemas/base/sha256.h"

namespace gradus {
namespace {

Fd OpenFile(const fs::path& path, int flags) {
  Fd fd(::open(path.c_str(), flags | O_CLOEXEC, 0644));
  if (!fd) Fail("{}: {}", path.string(), std::strerror(errno));
  return fd;
}

constexpr std::array<std::uint32_t, 256> MakeCrcTable() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) ? 0x82F63B78u : 0u);
    table[i] = crc;
  }
  return table;
}

std::uint32_t CrcByTable(std::uint32_t crc, std::string_view bytes) {
  static constexpr std::array<std::uint32_t, 256> kTable = MakeCrcTable();
  for (char c : bytes) crc = (crc >> 8) ^ kTable[(crc ^ static_cast<unsigned char>(c)) & 0xFF];
  return crc;
}

#if defined(__x86_64__)
// Twenty times faster than the table; every message and ledger record passes through here.
__attribute__((target("sse4.2"))) std::uint32_t CrcByInstruction(std::uint32_t crc,
                                                                 std::string_view bytes) {
  std::uint64_t wide = crc;
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    std::uint64_t word;
    std::memcpy(&word, bytes.data() + i, 8);
    wide = __builtin_ia32_crc32di(wide, word);
  }
  crc = static_cast<std::uint32_t>(wide);
  for (; i < bytes.size(); ++i)
    crc = __builtin_ia32_crc32qi(crc, static_cast<unsigned char>(bytes[i]));
  return crc;
}
#endif

}  // namespace

void FdTraits::Close(int fd) noexcept { ::close(fd); }

std::string ReadFile(const fs::path& path) {
  Fd fd = OpenFile(path, O_RDONLY);
  std::string bytes;
  std::array<char, 1 << 16> chunk;
  for (;;) {
    const ssize_t got = ::read(fd.get(), chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) Fail("{}: cannot read: {}", path.string(), std::strerror(errno));
    if (got == 0) return bytes;
    bytes.append(chunk.data(), static_cast<std::size_t>(got));
  }
}

void WriteFileAtomically(const fs::path& path, std::string_view bytes) {
  const fs::path temporary = path.string() + fmt::format(".tmp.{}", ::getpid());
  {
    Fd fd = OpenFile(temporary, O_WRONLY | O_CREAT | O_TRUNC);
    for (std::size_t done = 0; done < bytes.size();) {
      const ssize_t put = ::write(fd.get(), bytes.data() + done, bytes.size() - done);
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) {
        const int reason = errno;
        ::unlink(temporary.c_str());
        Fail("{}: cannot write: {}", path.string(), std::strerror(reason));
      }
      done += static_cast<std::size_t>(put);
    }
  }
  PublishFile(temporary, path);
}

void PublishFile(const fs::path& temporary, const fs::path& path) {
  Fd fd = OpenFile(temporary, O_RDONLY);
  if (::fsync(fd.get()) != 0) Fail("{}: fsync: {}", temporary.string(), std::strerror(errno));
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    Fail("{}: cannot rename into place: {}", path.string(), std::strerror(errno));
  }
  SyncFolder(path.parent_path());
}

void SyncFolder(const fs::path& folder) {
  Fd fd = OpenFile(folder.empty() ? fs::path(".") : folder, O_RDONLY | O_DIRECTORY);
  if (::fsync(fd.get()) != 0) Fail("{}: fsync: {}", folder.string(), std::strerror(errno));
}

void MakeFolder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error || !fs::is_directory(folder)) {
    Fail("{}: cannot create this folder: {}", folder.string(),
         error ? error.message() : "a file of that name exists");
  }
}

std::string Sha256(std::string_view bytes) {
  Sha256Stream stream;
  stream.Add(bytes);
  return stream.Hex();
}

std::string Sha256File(const fs::path& path) {
  Fd fd = OpenFile(path, O_RDONLY);
  Sha256Stream stream;
  std::array<char, 1 << 16> chunk;
  for (;;) {
    const ssize_t got = ::read(fd.get(), chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) Fail("{}: cannot read: {}", path.string(), std::strerror(errno));
    if (got == 0) return stream.Hex();
    stream.Add({chunk.data(), static_cast<std::size_t>(got)});
  }
}

std::uint32_t Crc32c(std::string_view bytes) {
#if defined(__x86_64__)
  static const bool has_instruction = __builtin_cpu_supports("sse4.2");
  if (has_instruction) return ~CrcByInstruction(~0u, bytes);
#endif
  return ~CrcByTable(~0u, bytes);
}

}  // namespace gradus
